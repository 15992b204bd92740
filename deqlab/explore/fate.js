// What becomes of an orbit of the plane: pure functions, as in _fate.py.

const HORIZON = 10000, LONGEST_CYCLE = 64;

function judge(state, W, b, start, fixed) {
  const points = orbit(state.activation, W, b, start, HORIZON), last = points.at(-1), halfway = points[HORIZON / 2];
  const linear = state.activation === "identity", radius = radiusOf(state);
  if (hypot(...last) > FAR) {
    const why = linear && radius > 1 ? `, as ρ(W) = ${number(radius, 2)} > 1` : "";
    return {verdict: say("diverges", `diverges: |zₖ| passes one million at step ${points.length - 1}${why}`)};
  }
  if (fixed.length) {
    const limit = fixed.reduce((p, q) => distance(q.z, last) < distance(p.z, last) ? q : p);
    const away = distance(limit.z, last);
    if (away < 1e-6 * max(1, hypot(...last))) {
      const errors = points.map(z => distance(limit.z, z));
      const largest = errors.reduce((p, q) => max(p, q)), peak = errors.indexOf(largest);
      const growth = errors[0] ? largest / errors[0] : 0;
      return {verdict: landed(state, limit, fixed, growth, peak), limit, growth, peak};
    }
    if (["attracting", "marginal"].includes(limit.kind) && away < 0.999 * distance(limit.z, halfway))
      return {verdict: say("slow", `marginal: creeps towards ${place(limit.z)}, still ${size(away)} away after 10⁴ steps`), limit};
  }
  if (distance(last, points.at(-2)) <= 1e-12 * max(1, hypot(...last)))
    return {verdict: say("marginal", `marginal: lands on ${place(last)}, one of a line of fixed points`)};
  for (let period = 2; period <= LONGEST_CYCLE; period++) {
    if (distance(last, points.at(-1 - period)) > 1e-9) continue;
    const [p, q] = points.slice(-2).sort(([p, q], [r, s]) => p - r || q - s);
    const cycle = `${period}-cycle${period === 2 ? ` ${place(p)} ↔ ${place(q)}` : ""}`;
    return {verdict: say("cycle", linear ? `marginal: ρ(W) = 1, so the orbit repeats for ever, a ${cycle}`
      : `oscillates: settles on a ${cycle}`)};
  }
  if (!linear) return {verdict: say("bounded", "stays bounded without settling: no cycle up to length 64 in 10⁴ steps")};
  const grows = hypot(...last) > 1.5 * hypot(...halfway);
  const how = grows ? "grows, though slower than any power" : "neither decays nor grows";
  return {verdict: say("marginal", `marginal: ρ(W) = 1 and the orbit ${how}`)};
}

function landed(state, limit, fixed, growth, peak) {
  const norm = `‖W‖ = ${besideOne(normOf(state))}`, at = place(limit.z);
  const tail = growth > 1.005 ? `; |eₖ| first grows, to ${number(growth, 2)} |e₀| at step ${peak}` : "";
  if (normOf(state) < 1) return say("contraction", `contraction: ${norm} < 1, so every start converges to ${at}`);
  if (limit.kind === "marginal")
    return say("marginal", `marginal: lands on ${at}, where an eigenvalue of J has modulus 1`);
  if (limit.kind !== "attracting") {
    const kind = limit.kind === "saddle" ? "saddle" : "repelling fixed point";
    return say("balanced", `lands on the ${kind} ${at}: almost any nudge drives it away`);
  }
  if (state.activation === "identity")
    return say("converges", `converges to ${at}: ρ(W) = ${number(radiusOf(state), 2)} < 1, though ${norm}${tail}`);
  const attracting = fixed.filter(({kind}) => kind === "attracting").length;
  const company = fixed.length === 1 ? "the only fixed point"
    : attracting > 1 ? `one of ${attracting} that attract, of ${fixed.length} fixed points`
    : `the only one of ${fixed.length} fixed points that attracts`;
  return say("converges", `converges to ${at}, ${company}; not certified, ${norm}${tail}`);
}

const RING = Array.from({length: 12}, (_, k) => [cos(k * PI / 6), sin(k * PI / 6)]);

function numbersOf(state) {
  const {activation, steps} = state, W = matrixOf(state), b = [state.b1, state.b2], start = [state.x, state.y];
  const fixed = fixedPoints(activation, W, b), points = orbit(activation, W, b, start, steps);
  const fate = judge(state, W, b, start, fixed);
  return {W, radius: radiusOf(state), norm: normOf(state), fixed, orbit: points, ...fate,
    ring: RING.map(z => orbit(activation, W, b, z, steps)),
    lengths: fate.limit ? points.map(z => distance(fate.limit.z, z))
      : points.slice(1).map((z, k) => distance(points[k], z))};
}
