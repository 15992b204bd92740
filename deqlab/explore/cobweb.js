// The explorable *cobweb*, with the geometry of _cobweb.py; orbits.js computes.

const SIZE = 400, LEFT = 46, TOP = 10, SIDE = 344;

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

  const [grid, ticks] = axes([low, high], tick, LEFT, TOP, SIDE);
  const frame = [SIDE, SIDE];
  let shape = "";
  curve.forEach((point, k) => {
    shape += (k && abs(point[1] - curve[k - 1][1]) < SIDE ? "L" : "M") + line([point]).slice(1);
  });

  const taken = [...curve, ...along([[0, SIDE], [SIDE, 0]]), ...along(corners)];
  let labels = label("red", "z₀", taken, [[x(start) + 13, SIDE - 9], [x(start) - 31, SIDE - 9]], frame);
  for (const {z} of fixed) for (let k = 0; k < 20; k++) taken.push([x(z), y(z)]);
  for (const {z, slope} of fixed) {
    const text = `f\u200a′ = ${number(slope, 2)}`;
    labels += label("green", text, taken, around(x(z), y(z), 8 * text.length), frame);
  }
  const lines = [["blue", "y = f(z)", curve], ["minor", "y = z", curve.map(([left]) => [left, SIDE - left])]];
  for (const [colour, text, points] of lines) {
    const spots = [];
    for (let j = 5; j < 60; j += 5)
      for (const k of [120 - j, j]) spots.push(...around(...points[k], 8 * text.length).slice(0, 8));
    labels += label(colour, text, taken, spots, frame);
  }
  const discs = fixed.map(({z, kind}) => disc(kind, x(z), y(z))).join("");
  return `${ticks}<svg x="${LEFT}" y="${TOP}" width="${SIDE}" height="${SIDE}" overflow="hidden">`
    + path("grid", grid) + path("diagonal", `M0,${SIDE}L${SIDE},0`)
    + path("curve", shape) + path("orbit", line(corners))
    + `${circle("dot", ...corners.at(-1), 4.5)}${discs}${labels}</svg>`
    + `<rect class="dx-frame" x="${LEFT}" y="${TOP}" width="${SIDE}" height="${SIDE}"/>`
    + circle("grip", LEFT + x(start), TOP + SIDE, 8);
}

function drawLengths(lengths, steps) {
  const {x, y, markup} = logAxes([46, 26, 262, 110], [-16, 6], 5, [1, steps]);
  const points = lengths.map((r, k) => [x(k + 1), y(r)]);
  return markup + textAt("red", 46, 16, "length of step k, |zₖ − zₖ₋₁|") + path("orbit", line(points))
    + path("dots", dotted(points));
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
    const map = maps[state.map], [low, high] = map.window, last = numbers.lengths.length;
    const b = map.b ? `, b = ${number(state.b, 2)}` : "";
    const what = `f(z) = ${map.formula}, a = ${number(state.a, 2)}${b}, from z₀ = ${number(state.start, 2)}, ${state.steps} steps`;
    return {
      pictures: [
        {box: `0 0 ${SIZE} ${SIZE}`, label: `Cobweb diagram of ${what}: ${numbers.verdict.text}.`, markup: drawCobweb(map, state, numbers)},
        {box: "0 0 320 164", label: `Length of each step on a logarithmic scale; step ${last} has length ${size(numbers.lengths.at(-1))}.`,
          markup: drawLengths(numbers.lengths, state.steps)},
      ],
      grips: [[LEFT + (state.start - low) / (high - low) * SIDE, TOP + SIDE]],
      notes: [
        ...numbers.fixed.map(({z, slope, kind}) => `${DISC[kind]} z* = ${number(z)}, f\u200a′(z*) = ${number(slope, 3)}, ${kind}`),
        `step ${last}: z = ${number(numbers.orbit.at(-1))}, length ${size(numbers.lengths.at(-1))}`,
      ],
    };
  },

  drag({maps}, state, x) {
    const [low, high] = maps[state.map].window;
    const z = low + (x - LEFT) / SIDE * (high - low);
    return {start: round(100 * min(max(z, low), high)) / 100};
  },
});
