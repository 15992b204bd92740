// Scalar maps, their fixed points, and what becomes of an orbit: pure functions, as in _orbits.py.

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

const slopeOf = point => `|f\u200a′(z*)| = ${number(abs(point.slope), 3)}`;

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
  return say("bounded", "stays bounded without settling: no cycle up to length 64 in 10⁴ steps");
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
