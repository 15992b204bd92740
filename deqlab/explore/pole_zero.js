// The explorable *poles and zeros*, with the geometry of _pole_zero.py; filter.js computes.

const SIZE = 400, LEFT = 46, TOP = 10, SIDE = 344, HALF = 1.6, HORIZON = 2000;

const at = ([x, y]) => [(x / HALF + 1) / 2 * SIDE, (1 - y / HALF) / 2 * SIDE];

const rootsOf = (kind, real, radius, angle) => kind === "none" ? [] : kind === "real" ? [[real, 0]]
  : [1, -1].map(sign => [radius * Math.cos(radians(angle)), sign * radius * Math.sin(radians(angle))]);

const poleOf = ({poles, a, radius, angle}) => [poles, a, radius, angle];

const zeroOf = ({zeros, q, zeroRadius, zeroAngle}) => [zeros, q, zeroRadius, zeroAngle];

const filterOf = state => [factors(...zeroOf(state)).map(c => state.gain * c), factors(...poleOf(state))];

const sameRoots = (p, q) => p.length === q.length && p.every(([x, y], k) => abs(x - q[k][0]) + abs(y - q[k][1]) < 1e-9);

function judge(state, y, gain) {
  const modulus = state.poles === "real" ? abs(state.a) : state.radius, p = `|p| = ${besideOne(modulus)}`;
  if (sameRoots(rootsOf(...poleOf(state)), rootsOf(...zeroOf(state))))
    return say("cancelled", `cancelled: zero and pole coincide, so that H = ${number(state.gain, 2)}; the pole is hidden, not gone`);
  if (gain === Infinity) return say("marginal", "pole at 1: no DC gain and no fixed point; a constant input is summed up for ever");
  const to = `the fixed point ${number(gain, 3)}`;
  if (modulus > 1) return say("unstable", `unstable: ${p} > 1, so h grows and the iteration leaves ${to}`);
  if (modulus === 1) return say("marginal", `marginal: ${p}, so h does not decay and the iteration circles ${to}`);
  const close = 0.01 * max(abs(gain), 1e-9), last = y.findLastIndex(value => abs(value - gain) > close);
  const when = last + 1 < y.length ? `to 1 % from step ${last + 1} on` : `not to 1 % in ${HORIZON} steps`;
  return say("stable", `stable: ${p} < 1; DC gain = fixed point = ${number(gain, 3)}, reached ${gain ? when : "in the limit"}`);
}

function drawPlane(state) {
  const poles = rootsOf(...poleOf(state)).map(at), zeros = rootsOf(...zeroOf(state)).map(at), frame = [SIDE, SIDE];
  const unit = Array.from({length: 37}, (_, k) => at([Math.cos(k * PI / 18), Math.sin(k * PI / 18)])), one = at([1, 0]);
  const taken = along(unit);
  for (const mark of [...poles, ...zeros, one]) for (let k = 0; k < 20; k++) taken.push(mark);
  let labels = label("red", "pole", taken, around(...poles[0], 32), frame);
  if (zeros.length) labels += label("blue", "zero", taken, around(...zeros[0], 32), frame);
  labels += label("minor", "1", taken, around(...one, 8), frame) + nameCurves([["minor", "unit circle", unit]], taken, frame);
  const cross = ([x, y]) => `M${px(x - 7)},${px(y - 7)}l14,14m0,-14l-14,14`;
  const [grid, ticks] = axes([-HALF, HALF], 0.5, LEFT, TOP, SIDE);
  return `${ticks}<svg x="${LEFT}" y="${TOP}" width="${SIDE}" height="${SIDE}" overflow="hidden">` + path("grid", grid)
    + [["area", SIDE / 2 / HALF], ["diagonal", SIDE / 2 / HALF]].map(([style, r]) =>
      `<circle class="dx-${style}" cx="${SIDE / 2}" cy="${SIDE / 2}" r="${px(r)}"/>`).join("")
    + zeros.map(zero => circle("nought", ...zero, 8)).join("") + path("cross", poles.map(cross).join(""))
    + labels + `</svg><rect class="dx-frame" x="${LEFT}" y="${TOP}" width="${SIDE}" height="${SIDE}"/>`;
}

function drawImpulse(h) {
  const most = max(...h.map(abs), 1e-9), large = most >= 1000, exponent = ceil(log10(most)), last = h.length - 1;
  const top = large ? 10 ** exponent : most, text = large ? power(exponent) : number(top, top < 10 ? 2 : 0);
  const {x, y, markup} = plotAxes([0, 0, 254, 110], [0, last], [-top, top], [[0, "0"], [last / 2, "k"], [last, last]],
    [[top, text], [0, "0"], [-top, "−" + text]]);
  return `<g transform="translate(54,28)">${markup}${textAt("minor", 0, -10, "impulse response hₖ")}`
    + path("axis", h.map((r, k) => `M${px(x(k))},${px(y(0))}V${px(y(r))}`).join(""))
    + path("axis dx-points", dotted(h.map((r, k) => [x(k), y(r)]))) + "</g>";
}

// The output for the constant input 1 against the one before: with one pole a cobweb.
function drawIteration({poles, a, steps}, b, y, gain) {
  const shown = y.slice(0, steps + 1), base = max(gain === Infinity ? 0 : abs(gain), abs(b[0]), 0.1);
  const half = 1.15 * min(max(base, ...shown.map(abs)), 4 * base), sum = b.reduce((total, c) => total + c, 0);
  const clip = v => min(max(v, -4 * half), 4 * half), place = (p, q) => [(clip(p) / half + 1) * 131, (1 - clip(q) / half) * 131];
  const corners = [];
  shown.forEach((value, k) => {
    const before = k ? shown[k - 1] : 0;
    if (poles === "real" && k) corners.push(place(before, before));
    corners.push(place(before, value));
  });
  const f = poles === "real" ? path("curve", line([-2 * half, 2 * half].map(z => place(z, a * z + sum)))) : "";
  const fixed = gain === Infinity || abs(gain) > half ? [] : [place(gain, gain)];
  const taken = [...along(corners), ...along([[0, 262], [262, 0]]), ...fixed.flatMap(point => Array(20).fill(point))];
  const labels = fixed.map(point => label("green", `fixed point ${number(gain, 3)}`, taken, around(...point, 136), [262, 262])).join("");
  return `<g transform="translate(46,28)">${textAt("minor", 0, -10, "yₖ against yₖ₋₁ for the input 1")}`
    + `<svg x="0" y="0" width="262" height="262" overflow="hidden">${path("grid", "M131,0V262M0,131H262")}${path("diagonal", "M0,262L262,0")}${f}`
    + path("orbit", line(corners)) + (poles === "real" ? "" : path("dots", dotted(corners)))
    + fixed.map(point => circle("core", ...point, 5)).join("") + labels + `</svg><rect class="dx-frame" x="0" y="0" width="262" height="262"/>`
    + textAt("minor", 0, 282, number(-half, 2)) + textAt("minor", 262, 282, number(half, 2), "end") + "</g>";
}

explore("pole-zero", {
  title: "Interactive figure: poles and zeros of a filter",

  controls({limits}, {poles, zeros, angle, zeroAngle}) {
    const slider = (name, label, step, more) => ({name, label, min: limits[name][0], max: limits[name][1], step, ...more});
    return [
      {name: "poles", label: "poles", options: [["real", "one, real"], ["pair", "conjugate pair"]]},
      slider("a", "pole a", 0.01, {hidden: poles !== "real"}),
      slider("radius", "pole radius", 0.01, {hidden: poles !== "pair"}),
      slider("angle", "pole angle", 1, {hidden: poles !== "pair", text: `${angle}°`}),
      {name: "zeros", label: "zeros", options: [["none", "none (at 0)"], ["real", "one, real"], ["pair", "conjugate pair"]]},
      slider("q", "zero q", 0.01, {hidden: zeros !== "real"}),
      slider("zeroRadius", "zero radius", 0.01, {hidden: zeros !== "pair"}),
      slider("zeroAngle", "zero angle", 1, {hidden: zeros !== "pair", text: `${zeroAngle}°`}),
      slider("gain", "gain", 0.01),
      slider("steps", "steps", 1),
    ];
  },

  change: (config, state, changes) => ({...state, ...changes}),

  numbers(config, state) {
    const [b, a] = filterOf(state), gain = dcGain(b, a), impulse = Array(state.steps + 1).fill(0);
    impulse[0] = 1;
    const output = respond(b, a, Array(HORIZON + 1).fill(1));
    return {b, a, gain, impulse: respond(b, a, impulse), output, spectrum: spectrumOf(b, a), verdict: judge(state, output, gain)};
  },

  draw(config, state, {b, a, gain, impulse, output, spectrum, verdict}) {
    const root = ([kind, real, radius, angle]) => kind === "none" ? "none" : kind === "real" ? number(real, 2) : `${number(radius, 2)} e^(± ${angle}° i)`;
    const what = `pole ${root(poleOf(state))}, zero ${root(zeroOf(state))}, gain ${number(state.gain, 2)}`;
    const grips = [poleOf(state), zeroOf(state)].flatMap(given => rootsOf(...given).slice(0, 1)).map(at);
    const show = list => list.map(c => number(c, 3)).join(", "), peak = max(...spectrum.filter(level => level < 400));
    const high = min(max(ceil(peak / 10) * 10, 10), 80);
    return {
      pictures: [
        {box: `0 0 ${SIZE} ${SIZE}`, label: `The z-plane with the unit circle, ${what}: ${verdict.text}.`, markup: drawPlane(state)},
        {box: "0 0 320 168", label: `Impulse response, from ${number(impulse[0], 2)} to ${number(impulse.at(-1), 4)} at k = ${state.steps}.`, markup: drawImpulse(impulse)},
        {box: "0 0 320 168", label: `Frequency response: ${number(spectrum[0], 1)} dB at 0, ${number(spectrum[180], 1)} dB at π.`,
          markup: drawSpectra([["blue", "", "curve", spectrum]], [high - 60, high])},
        {box: "-40 0 400 318", below: true, label: `The iteration for the constant input 1: y = ${number(output[state.steps], 4)} after ${state.steps} steps.`,
          markup: drawIteration(state, b, output, gain)},
      ],
      grips: grips.map(([x, y]) => [LEFT + x, TOP + y]),
      notes: [`b = [${show(b)}], a = [${show(a)}]`, "drag × (pole) and ○ (zero), or use the sliders"],
    };
  },

  drag(config, state, x, y, which) {
    const {limits} = config, mark = (name, value, unit = 100) => ({[name]: round(unit * min(max(value, limits[name][0]), limits[name][1])) / unit});
    const [real, imaginary] = [((x - LEFT) / SIDE * 2 - 1) * HALF, (1 - (y - TOP) / SIDE * 2) * HALF];
    const polar = (radius, angle) => ({...mark(radius, hypot(real, imaginary)), ...mark(angle, Math.atan2(abs(imaginary), real) * 180 / PI, 1)});
    if (!which) return state.poles === "real" ? mark("a", real) : polar("radius", "angle");
    return state.zeros === "real" ? mark("q", real) : polar("zeroRadius", "zeroAngle");
  },
});
