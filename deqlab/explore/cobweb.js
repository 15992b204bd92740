// The explorable *cobweb*, with the geometry of _cobweb.py; orbits.js computes.

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
