// ---- numerics: pure functions, the same as _orbits.py ----

const HORIZON = 10000, FAR = 1e6, LONGEST_CYCLE = 64;

function zeros(g, breaks) {
  const found = breaks.filter(z => Math.abs(g(z)) <= 1e-14);
  for (let k = 0; k + 1 < breaks.length; k++) {
    let [left, right] = [breaks[k], breaks[k + 1]];
    const [first, last] = [g(left), g(right)];
    if (Math.min(Math.abs(first), Math.abs(last)) <= 1e-14 || first > 0 === last > 0) continue;
    for (let step = 0; step < 60; step++) {
      const middle = (left + right) / 2;
      if (g(middle) > 0 === last > 0) right = middle;
      else left = middle;
    }
    found.push((left + right) / 2);
  }
  found.sort((p, q) => p - q);
  return found.filter((z, k) => k === 0 || z - found[k - 1] > 1e-9);
}

const MAPS = {
  affine: {
    f: (z, a, b) => a * z + b,
    derivative: (z, a) => a,
    fixed: (a, b) => a === 1 ? [] : [b / (1 - a)],
  },
  cos: {
    f: (z, a) => Math.cos(a * z),
    derivative: (z, a) => -a * Math.sin(a * z),
    fixed(a) {
      const turn = Math.asin(1 / a);
      const inner = a >= 1 ? [(turn - Math.PI) / a, -turn / a] : [];
      return zeros(z => Math.cos(a * z) - z, [-1, ...inner.filter(z => z > -1), 1]);
    },
  },
  tanh: {
    f: (z, a, b) => Math.tanh(a * z + b),
    derivative: (z, a, b) => a * (1 - Math.tanh(a * z + b) ** 2),
    fixed(a, b) {
      const turn = Math.acosh(Math.sqrt(a));
      const inner = a >= 1 ? [(-turn - b) / a, (turn - b) / a] : [];
      return zeros(z => Math.tanh(a * z + b) - z, [-1, ...inner.filter(z => Math.abs(z) < 1), 1]);
    },
  },
  babylonian: {
    f: (z, a) => z ? (z + a / z) / 2 : Infinity,
    derivative: (z, a) => z ? (1 - a / (z * z)) / 2 : -Infinity,
    fixed: a => [-Math.sqrt(a), Math.sqrt(a)],
  },
  logistic: {
    f: (z, a) => a * z * (1 - z),
    derivative: (z, a) => a * (1 - 2 * z),
    fixed: a => a === 0 || a === 1 ? [0] : [0, 1 - 1 / a].sort((p, q) => p - q),
  },
};

function orbit(f, start, steps) {
  const points = [start];
  while (points.length <= steps && Math.abs(points.at(-1)) <= FAR) points.push(f(points.at(-1)));
  return points;
}

function fixedPoint(z, slope) {
  const excess = Math.abs(slope) - 1;
  const kind = Math.abs(excess) <= 1e-9 ? "marginal" : excess < 0 ? "attracting" : "repelling";
  return {z: z + 0, slope, kind};
}

const power = k => "10" + String(k).replace(/./g, c => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(c)]);

function size(z) {
  if (z === 0 || !Number.isFinite(z)) return z === 0 ? "0" : "∞";
  const [mantissa, exponent] = z.toExponential(1).split("e");
  return `${mantissa} × ${power(Number(exponent))}`;
}

function number(z, digits = 4) {
  if (Math.abs(z) >= 1e5) return (z < 0 ? "−" : "") + size(Math.abs(z));
  const text = z.toFixed(digits);
  return withMinus(Number(text) ? text : text.replace("-", ""));
}

const slopeOf = point => `|f′(z*)| = ${number(Math.abs(point.slope), 3)}`;

function judge(f, start, fixed) {
  const points = orbit(f, start, HORIZON), last = points.at(-1), step = points.length - 1;
  if (!Number.isFinite(last)) return {kind: "undefined", text: `undefined: step ${step} divides by zero`};
  if (Math.abs(last) > FAR) {
    const slope = fixed.length === 1 ? ` (${slopeOf(fixed[0])})` : "";
    return {kind: "diverges", text: `diverges: |zₖ| passes one million at step ${step}${slope}`};
  }
  if (!fixed.length) {
    if (points[1] === start) return {kind: "identity", text: "marginal: f(z) = z, so every start is a fixed point"};
    const end = points[1] > start ? "+∞" : "−∞";
    return {kind: "diverges", text: `diverges to ${end}: no fixed point, so every step goes the same way`};
  }
  const distance = (point, z) => Math.abs(point.z - z);
  const limit = fixed.reduce((p, q) => distance(q, last) < distance(p, last) ? q : p);
  if (Math.abs(f(last) - last) <= 1e-12 * Math.max(1, Math.abs(last)) && distance(limit, last) < 1e-6)
    return landed(limit, fixed);
  for (let period = 2; period <= LONGEST_CYCLE; period++) {
    const cycle = points.slice(-period);
    if (Math.abs(last - points.at(-1 - period)) <= 1e-9 && Math.max(...cycle) - Math.min(...cycle) > 1e-3) {
      const neutral = limit.kind === "marginal" && Math.abs(points[2] - start) <= 1e-9;
      return settled(cycle, neutral ? limit : null);
    }
  }
  const away = distance(limit, last);
  if (limit.kind !== "repelling" && away < distance(limit, points[HORIZON / 2])) {
    const lead = limit.kind === "marginal" ? "marginal: creeps" : "converges, slowly,";
    return {
      kind: "slow",
      text: `${lead} towards ${number(limit.z)} (${slopeOf(limit)}), still ${size(away)} away after 10 000 steps`,
    };
  }
  return {kind: "bounded", text: "stays bounded but never settles: no cycle found in 10 000 steps"};
}

function landed(limit, fixed) {
  const at = `${number(limit.z)} (${slopeOf(limit)})`;
  if (limit.kind === "marginal")
    return {kind: "marginal", text: `marginal: lands on ${at}, where the slope alone decides nothing`};
  if (limit.kind === "repelling")
    return {kind: "balanced", text: `lands exactly on the repelling ${at}: any nudge drives it away`};
  const manner = Math.abs(limit.slope) < 1e-9 ? "faster than any geometric sequence"
    : limit.slope > 0 ? "from one side" : "alternating from side to side";
  const attracting = fixed.filter(point => point.kind === "attracting").length;
  const company = attracting > 1
    ? `; another start reaches another of the ${attracting} attracting fixed points`
    : fixed.length > 1 ? `; of ${fixed.length} fixed points only this one attracts` : "";
  return {kind: "converges", text: `converges to ${at}, ${manner}${company}`};
}

function settled(cycle, neutral) {
  const first = cycle.indexOf(Math.min(...cycle));
  const shown = [...cycle.slice(first), ...cycle.slice(0, first)].map(z => number(z));
  if (cycle.length > 2) {
    const values = shown.slice(0, 4).join(" → ") + (cycle.length > 4 ? " → …" : "");
    return {kind: "cycle", text: `oscillates: settles on a ${cycle.length}-cycle, ${values}`};
  }
  const swap = shown.join(" ↔ ");
  return {
    kind: "cycle",
    text: neutral ? `marginal: swaps ${swap} for ever (${slopeOf(neutral)})`
      : `oscillates: settles on the 2-cycle ${swap}`,
  };
}

function numbersOf(state) {
  const {a, b, start} = state, map = MAPS[state.map], f = z => map.f(z, a, b);
  const fixed = map.fixed(a, b).map(z => fixedPoint(z, map.derivative(z, a, b)));
  const points = orbit(f, start, state.steps);
  const lengths = points.slice(1).map((z, k) => Math.abs(z - points[k]));
  return {orbit: points, lengths, fixed, verdict: judge(f, start, fixed)};
}

// ---- drawing: the same geometry as _cobweb.py ----

const SIZE = 400, LEFT = 46, TOP = 10, SIDE = 344;

const textAt = (colour, x, y, anchor, text) =>
  `<text class="dx-halo dx-${colour}" x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}">${text}</text>`;

function markOf({z, slope, kind}, x, y) {
  const core = `<circle class="dx-core" cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="2"/>`;
  const right = x < SIDE - 110;
  return `<circle class="dx-${kind}" cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="6"/>`
    + (kind === "marginal" ? core : "")
    + textAt("green", x + (right ? 12 : -12), y + (right && y < SIDE - 30 ? 20 : -12),
      right ? "start" : "end", `f′(z*) = ${number(slope, 2)}`);
}

function curveLabel(f, [low, high], y) {
  for (const place of [0.9, 0.1, 0.8, 0.2, 0.7, 0.3]) {
    const z = low + (high - low) * place;
    const above = f(z) > z, falls = f(z + 0.01) < f(z);
    const left = place * SIDE, height = y(f(z)) + (above ? -12 : 22);
    const rightwards = above === falls;
    const fits = rightwards ? left + 75 < SIDE : left > 75;
    if (fits && 20 < height && height < SIDE - 30 && Math.abs(y(f(z)) - y(z)) > 40)
      return textAt("blue", left, height, rightwards ? "start" : "end", "y = f(z)");
  }
  return "";
}

function drawCobweb({window: [low, high], tick}, state, numbers) {
  const {a, b, start} = state, f = z => MAPS[state.map].f(z, a, b);
  const span = high - low;
  const x = z => (Math.min(Math.max(z, low - span), high + span) - low) / span * SIDE;
  const y = z => SIDE - x(z);
  const points = numbers.orbit.filter(Number.isFinite), end = points.at(-1);

  let grid = "", labels = "", curve = "", pen = "M";
  for (let k = Math.ceil(low / tick); k <= Math.floor(high / tick); k++) {
    const z = k * tick, text = number(z, tick < 1 ? 1 : 0);
    grid += `M${x(z).toFixed(1)},0V${SIDE}M0,${y(z).toFixed(1)}H${SIDE}`;
    labels += textAt("minor", LEFT + x(z), TOP + SIDE + 20, "middle", text);
    labels += textAt("minor", LEFT - 8, TOP + y(z) + 5, "end", text);
  }
  for (let k = 0; k <= 120; k++) {
    const value = f(low + span * k / 120);
    if (Number.isFinite(value)) {
      curve += `${pen}${(k * SIDE / 120).toFixed(1)},${y(value).toFixed(1)}`;
      pen = "L";
    } else pen = "M";
  }
  const stairs = `M${x(start).toFixed(1)},${SIDE}`
    + points.slice(1).map(z => `V${y(z).toFixed(1)}H${x(z).toFixed(1)}`).join("");
  const marks = numbers.fixed.filter(({z}) => low <= z && z <= high).map(p => markOf(p, x(p.z), y(p.z))).join("");
  const grip = LEFT + x(start), right = grip < LEFT + SIDE - 40;
  return `${labels}<svg x="${LEFT}" y="${TOP}" width="${SIDE}" height="${SIDE}" overflow="hidden">`
    + `<path class="dx-grid" d="${grid}"/><path class="dx-diagonal" d="M0,${SIDE}L${SIDE},0"/>`
    + `<path class="dx-curve" d="${curve}"/><path class="dx-orbit" d="${stairs}"/>`
    + `<circle class="dx-dot" cx="${x(end).toFixed(1)}" cy="${y(end).toFixed(1)}" r="4.5"/>${marks}`
    + `<g transform="translate(306,56) rotate(-45)">${textAt("minor", 0, 0, "middle", "y = z")}</g>`
    + `${curveLabel(f, [low, high], y)}</svg>`
    + `<rect class="dx-frame" x="${LEFT}" y="${TOP}" width="${SIDE}" height="${SIDE}"/>`
    + `<circle class="dx-touch" cx="${grip.toFixed(1)}" cy="${TOP + SIDE}" r="22"/>`
    + `<circle class="dx-grip" cx="${grip.toFixed(1)}" cy="${TOP + SIDE}" r="8"/>`
    + textAt("red", grip + (right ? 13 : -13), TOP + SIDE - 9, right ? "start" : "end", "z₀");
}

function drawLengths(lengths, steps) {
  const left = 46, width = 262, top = 28, height = 96, floor = -16, ceiling = 2;
  const x = k => left + width * (k - 1) / Math.max(steps - 1, 1);
  const y = r => {
    const level = r > 0 ? Math.min(Math.max(Math.log10(r), floor), ceiling) : floor;
    return top + height * (ceiling - level) / (ceiling - floor);
  };
  let grid = "", labels = "";
  for (const k of [0, -5, -10, -15]) {
    grid += `M${left},${y(10 ** k).toFixed(1)}h${width}`;
    labels += textAt("minor", left - 8, y(10 ** k) + 5, "end", power(k));
  }
  const points = lengths.map((r, k) => [x(k + 1).toFixed(1), y(r).toFixed(1)]);
  return `<path class="dx-grid" d="${grid}"/>${labels}`
    + textAt("red", left, 16, "start", "length of step k, |zₖ − zₖ₋₁|")
    + `<path class="dx-orbit" d="${points.map(([p, q], k) => `${k ? "L" : "M"}${p},${q}`).join("")}"/>`
    + points.map(([p, q]) => `<circle class="dx-dot" cx="${p}" cy="${q}" r="2.5"/>`).join("")
    + textAt("minor", left, top + height + 20, "middle", "1")
    + textAt("minor", left + width, top + height + 20, "middle", String(steps))
    + textAt("minor", left + width / 2, top + height + 20, "middle", "k");
}

explore("cobweb", {
  title: "Interactive figure: cobweb diagram",

  controls({maps, maxSteps}, state) {
    const map = maps[state.map], slider = (name, label, [min, max]) => ({name, label, min, max, step: 0.01});
    return [
      {name: "map", label: "map f(z) =", options: Object.entries(maps).map(([key, {formula}]) => [key, formula])},
      slider("a", `${map.aName} a`, map.a),
      {...slider("b", "offset b", map.b || [0, 0]), hidden: !map.b},
      slider("start", "start z₀", map.window),
      {name: "steps", label: "steps", min: 1, max: maxSteps, step: 1},
    ];
  },

  change({maps}, state, changes) {
    const next = {...state, ...changes};
    if (next.map === state.map || "a" in changes) return next;
    const [a, b, start] = maps[next.map].default;
    return {...next, a, b, start};
  },

  numbers: (config, state) => numbersOf(state),

  draw({maps}, state, numbers) {
    const map = maps[state.map], last = numbers.lengths.length, b = map.b ? `, b = ${number(state.b, 2)}` : "";
    const what = `f(z) = ${map.formula}, a = ${number(state.a, 2)}${b}, from z₀ = ${number(state.start, 2)}, ${state.steps} steps`;
    return {
      pictures: [
        {box: `0 0 ${SIZE} ${SIZE}`, label: `Cobweb diagram of ${what}: ${numbers.verdict.text}.`, markup: drawCobweb(map, state, numbers)},
        {box: "0 0 320 152", label: `Length of each step on a logarithmic scale; step ${last} has length ${size(numbers.lengths.at(-1))}.`,
          markup: drawLengths(numbers.lengths, state.steps)},
      ],
      notes: [
        ...numbers.fixed.map(({z, slope, kind}) => `z* = ${number(z)}, f′(z*) = ${number(slope, 3)}: ${kind}`),
        `step ${last}: z = ${number(numbers.orbit.at(-1))}, length ${size(numbers.lengths.at(-1))}`,
      ],
    };
  },

  drag({maps}, state, x) {
    const [low, high] = maps[state.map].window;
    const z = low + (x - LEFT) / SIDE * (high - low);
    return {start: Math.round(100 * Math.min(Math.max(z, low), high)) / 100};
  },
});
