// ---- numerics: pure functions, the same as _orbits.py ----

const {abs, min, max, log10} = Math;
const HORIZON = 10000, FAR = 1e6, LONGEST_CYCLE = 64;

function zeros(g, breaks) {
  const found = breaks.filter(z => abs(g(z)) <= 1e-14);
  for (let k = 0; k + 1 < breaks.length; k++) {
    let [left, right] = [breaks[k], breaks[k + 1]];
    const [first, last] = [g(left), g(right)];
    if (min(abs(first), abs(last)) <= 1e-14 || first > 0 === last > 0) continue;
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
      return zeros(z => Math.tanh(a * z + b) - z, [-1, ...inner.filter(z => abs(z) < 1), 1]);
    },
  },
  babylonian: {
    f: (z, a) => z ? (z + a / z) / 2 : Infinity,
    derivative: (z, a) => (1 - a / (z * z)) / 2,
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
  while (points.length <= steps && abs(points.at(-1)) <= FAR) points.push(f(points.at(-1)));
  return points;
}

function fixedPoint(z, slope) {
  const excess = abs(slope) - 1;
  const kind = abs(excess) <= 1e-9 ? "marginal" : excess < 0 ? "attracting" : "repelling";
  return {z: z + 0, slope, kind};
}

const power = k => "10" + String(k).replace(/./g, c => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(c)]);

function size(z) {
  if (z === 0 || !Number.isFinite(z)) return z === 0 ? "0" : "∞";
  if (0.01 <= z && z < 1000) return z.toFixed(3);
  const [mantissa, exponent] = z.toExponential(1).split("e");
  return `${mantissa} × ${power(Number(exponent))}`;
}

function number(z, digits = 4) {
  if (abs(z) >= 1e5) return (z < 0 ? "−" : "") + size(abs(z));
  const text = z.toFixed(digits);
  return withMinus(Number(text) ? text : text.replace("-", ""));
}

const say = (kind, text) => ({kind, text});

const slopeOf = point => `|f′(z*)| = ${number(abs(point.slope), 3)}`;

function judge(f, start, fixed) {
  const points = orbit(f, start, HORIZON), last = points.at(-1), step = points.length - 1;
  if (!Number.isFinite(last)) return say("undefined", `undefined: step ${step} divides by zero`);
  if (abs(last) > FAR) {
    const slope = fixed.length === 1 ? ` (${slopeOf(fixed[0])})` : "";
    return say("diverges", `diverges: |zₖ| passes one million at step ${step}${slope}`);
  }
  if (!fixed.length) {
    if (points[1] === start) return say("identity", "marginal: f(z) = z, so every start is a fixed point");
    const end = points[1] > start ? "+∞" : "−∞";
    return say("diverges", `diverges to ${end}: no fixed point, so every step goes the same way`);
  }
  const distance = (point, z) => abs(point.z - z);
  const limit = fixed.reduce((p, q) => distance(q, last) < distance(p, last) ? q : p);
  if (abs(f(last) - last) <= 1e-12 * max(1, abs(last)) && distance(limit, last) < 1e-6)
    return landed(limit, fixed);
  for (let period = 2; period <= LONGEST_CYCLE; period++) {
    const cycle = points.slice(-period);
    if (abs(last - points.at(-1 - period)) <= 1e-9 && max(...cycle) - min(...cycle) > 1e-3) {
      const neutral = limit.kind === "marginal" && abs(points[2] - start) <= 1e-9;
      return settled(cycle, neutral ? limit : null);
    }
  }
  const away = distance(limit, last);
  if (limit.kind !== "repelling" && away < distance(limit, points[HORIZON / 2])) {
    const lead = limit.kind === "marginal" ? "marginal: creeps" : "converges, slowly,";
    return say("slow", `${lead} towards ${number(limit.z)} (${slopeOf(limit)}), still ${size(away)} away after 10⁴ steps`);
  }
  return say("bounded", "stays bounded but never settles: no cycle found in 10⁴ steps");
}

function landed(limit, fixed) {
  const at = `${number(limit.z)} (${slopeOf(limit)})`;
  if (limit.kind === "marginal")
    return say("marginal", `marginal: lands on ${at}; the slope alone decides nothing`);
  if (limit.kind === "repelling")
    return say("balanced", `lands exactly on the repelling fixed point ${at}: any nudge drives it away`);
  const manner = abs(limit.slope) < 1e-9 ? "faster than any geometric sequence"
    : limit.slope > 0 ? "from one side" : "alternating from side to side";
  const attracting = fixed.filter(point => point.kind === "attracting").length;
  const company = attracting > 1 ? `; one of ${attracting} attracting fixed points`
    : fixed.length > 1 ? `; of ${fixed.length} fixed points only this one attracts` : "";
  return say("converges", `converges to ${at}, ${manner}${company}`);
}

function settled(cycle, neutral) {
  const first = cycle.indexOf(min(...cycle));
  const shown = [...cycle.slice(first), ...cycle.slice(0, first)].map(z => number(z));
  if (cycle.length > 2) {
    const values = shown.slice(0, 4).join(" → ") + (cycle.length > 4 ? " → …" : "");
    return say("cycle", `oscillates: settles on a ${cycle.length}-cycle, ${values}`);
  }
  const swap = shown.join(" ↔ ");
  return say("cycle", neutral ? `marginal: swaps ${swap} for ever (${slopeOf(neutral)})`
    : `oscillates: settles on the 2-cycle ${swap}`);
}

function numbersOf(state) {
  const {a, b, start} = state, map = MAPS[state.map], f = z => map.f(z, a, b);
  const fixed = map.fixed(a, b).map(z => fixedPoint(z, map.derivative(z, a, b)));
  const points = orbit(f, start, state.steps);
  const lengths = points.slice(1).map((z, k) => abs(z - points[k]));
  return {orbit: points, lengths, fixed, verdict: judge(f, start, fixed)};
}

// ---- drawing: the same geometry as _cobweb.py ----

const SIZE = 400, LEFT = 46, TOP = 10, SIDE = 344;

const px = length => length.toFixed(1);

const textAt = (colour, x, y, text, anchor = "start") =>
  `<text class="dx-halo dx-${colour}" x="${px(x)}" y="${px(y)}" text-anchor="${anchor}">${text}</text>`;

const at = ([x, y]) => `${px(x)},${px(y)}`;

const circle = (name, x, y, r) => `<circle class="dx-${name}" cx="${px(x)}" cy="${px(y)}" r="${r}"/>`;

function along(corners) {
  const points = [];
  for (let k = 0; k + 1 < corners.length; k++) {
    const [[x, y], [nextX, nextY]] = [corners[k], corners[k + 1]];
    const pieces = Math.floor(max(abs(nextX - x), abs(nextY - y)) / 4) + 1;
    for (let j = 0; j < pieces; j++)
      points.push([x + (nextX - x) * j / pieces, y + (nextY - y) * j / pieces]);
  }
  return points;
}

const DIRECTIONS = [[1, 0], [-1, 0], [1, 1], [-1, -1], [1, -1], [-1, 1], [0, -1], [0, 1]];

const around = (x, y, width) => [12, 24, 40].flatMap(gap => DIRECTIONS.map(([across, down]) =>
  [x + across * gap - width * (1 - across) / 2, y + 5 + down * (gap + 7)]));

function label(colour, text, taken, spots) {
  const width = 8 * text.length;
  let best, least = Infinity;
  for (const [x, y] of spots) {
    const inside = 4 <= x && x <= SIDE - 4 - width && 18 <= y && y <= SIDE - 8;
    let crowd = inside ? 0 : 1000;
    for (const [p, q] of taken) if (x - 3 < p && p < x + width + 3 && y - 14 < q && q < y + 6) crowd++;
    if (crowd < least) [best, least] = [[x, y], crowd];
  }
  const [x, y] = best;
  for (let k = 0; k <= text.length; k++)
    for (let j = 0; j < 5; j++) taken.push([x + 8 * k, y + 2], [x + 8 * k, y - 10]);
  return textAt(colour, x, y, text);
}

function drawCobweb({window: [low, high], tick}, state, numbers) {
  const {a, b, start} = state, span = high - low;
  const x = z => (min(max(z, low - span), high + span) - low) / span * SIDE;
  const y = z => SIDE - x(z);
  const fixed = numbers.fixed.filter(({z}) => low <= z && z <= high);
  const points = numbers.orbit.filter(Number.isFinite);
  const curve = [], corners = [[x(start), SIDE]];
  for (let k = 0; k <= 120; k++) curve.push([k * SIDE / 120, y(MAPS[state.map].f(low + span * k / 120, a, b))]);
  for (let k = 0; k + 1 < points.length; k++)
    corners.push([x(points[k]), y(points[k + 1])], [x(points[k + 1]), y(points[k + 1])]);

  let grid = "", ticks = "", path = "";
  for (let k = Math.ceil(low / tick); k <= Math.floor(high / tick); k++) {
    const z = k * tick, text = number(z, tick < 1 ? 1 : 0);
    grid += `M${px(x(z))},0V${SIDE}M0,${px(y(z))}H${SIDE}`;
    ticks += textAt("minor", LEFT + x(z), TOP + SIDE + 20, text, "middle");
    ticks += textAt("minor", LEFT - 8, TOP + y(z) + 5, text, "end");
  }
  curve.forEach((point, k) => {
    path += (k && abs(point[1] - curve[k - 1][1]) < SIDE ? "L" : "M") + at(point);
  });

  const taken = [...curve, ...along([[0, SIDE], [SIDE, 0]]), ...along(corners)];
  let labels = label("red", "z₀", taken, [[x(start) + 13, SIDE - 9], [x(start) - 31, SIDE - 9]]);
  for (const {z} of fixed) for (let k = 0; k < 20; k++) taken.push([x(z), y(z)]);
  for (const {z, slope} of fixed) {
    const text = `f′ = ${number(slope, 2)}`;
    labels += label("green", text, taken, around(x(z), y(z), 8 * text.length));
  }
  const lines = [["blue", "y = f(z)", curve], ["minor", "y = z", curve.map(([left]) => [left, SIDE - left])]];
  for (const [colour, text, line] of lines) {
    const spots = [];
    for (let j = 5; j < 60; j += 5)
      for (const k of [120 - j, j]) spots.push(...around(...line[k], 8 * text.length).slice(0, 8));
    labels += label(colour, text, taken, spots);
  }
  const discs = fixed.map(({z, kind}) =>
    circle(kind, x(z), y(z), 6) + (kind === "marginal" ? circle("core", x(z), y(z), 2) : "")).join("");
  return `${ticks}<svg x="${LEFT}" y="${TOP}" width="${SIDE}" height="${SIDE}" overflow="hidden">`
    + `<path class="dx-grid" d="${grid}"/><path class="dx-diagonal" d="M0,${SIDE}L${SIDE},0"/>`
    + `<path class="dx-curve" d="${path}"/><path class="dx-orbit" d="M${corners.map(at).join("L")}"/>`
    + `${circle("dot", ...corners.at(-1), 4.5)}${discs}${labels}</svg>`
    + `<rect class="dx-frame" x="${LEFT}" y="${TOP}" width="${SIDE}" height="${SIDE}"/>`
    + circle("grip", LEFT + x(start), TOP + SIDE, 8);
}

function drawLengths(lengths, steps) {
  const left = 46, width = 262, top = 26, height = 110, floor = -16, ceiling = 6;
  const x = k => left + width * (k - 1) / max(steps - 1, 1);
  const y = r => {
    const level = r > 0 ? min(max(log10(r), floor), ceiling) : floor;
    return top + height * (ceiling - level) / (ceiling - floor);
  };
  let grid = "", labels = "";
  for (const k of [5, 0, -5, -10, -15]) {
    grid += `M${left},${px(y(10 ** k))}h${width}`;
    labels += textAt("minor", left - 8, y(10 ** k) + 5, power(k), "end");
  }
  const points = lengths.map((r, k) => [x(k + 1), y(r)]);
  return `<path class="dx-grid" d="${grid}"/>${labels}`
    + textAt("red", left, 16, "length of step k, |zₖ − zₖ₋₁|")
    + `<path class="dx-orbit" d="M${points.map(at).join("L")}"/>`
    + points.map(([p, q]) => circle("dot", p, q, 2.5)).join("")
    + textAt("minor", left, top + height + 20, "1", "middle")
    + textAt("minor", left + width, top + height + 20, String(steps), "middle")
    + textAt("minor", left + width / 2, top + height + 20, "k", "middle");
}

const DISC = {attracting: "●", repelling: "○", marginal: "◉"};

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
    const map = maps[state.map], [low, high] = map.window, last = numbers.lengths.length;
    const b = map.b ? `, b = ${number(state.b, 2)}` : "";
    const what = `f(z) = ${map.formula}, a = ${number(state.a, 2)}${b}, from z₀ = ${number(state.start, 2)}, ${state.steps} steps`;
    return {
      pictures: [
        {box: `0 0 ${SIZE} ${SIZE}`, label: `Cobweb diagram of ${what}: ${numbers.verdict.text}.`, markup: drawCobweb(map, state, numbers)},
        {box: "0 0 320 164", label: `Length of each step on a logarithmic scale; step ${last} has length ${size(numbers.lengths.at(-1))}.`,
          markup: drawLengths(numbers.lengths, state.steps)},
      ],
      grip: [LEFT + (state.start - low) / (high - low) * SIDE, TOP + SIDE],
      notes: [
        ...numbers.fixed.map(({z, slope, kind}) => `${DISC[kind]} z* = ${number(z)}, f′(z*) = ${number(slope, 3)}, ${kind}`),
        `step ${last}: z = ${number(numbers.orbit.at(-1))}, length ${size(numbers.lengths.at(-1))}`,
      ],
    };
  },

  drag({maps}, state, x) {
    const [low, high] = maps[state.map].window;
    const z = low + (x - LEFT) / SIDE * (high - low);
    return {start: Math.round(100 * min(max(z, low), high)) / 100};
  },
});
