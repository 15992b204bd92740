// The explorable *tanh map in the plane*, with the geometry of _tanh_plane.py; plane.js and fate.js compute.

const SIZE = 400, LEFT = 46, TOP = 10, SIDE = 344;

const HALF_WIDTHS = [1.5, 3, 4.5, 6, 9, 12, 24, 48];

const FORMULAS = {tanh: "tanh(W z + b)", relu: "max(W z + b, 0)", identity: "W z + b"};

function largestPower(W, count) {
  let largest = 0, power = [[1, 0], [0, 1]];
  for (let k = 0; k < count; k++) {
    power = W.map(([p, q]) => [0, 1].map(j => p * power[0][j] + q * power[1][j]));
    largest = max(largest, hypot(...power[0], ...power[1]));
  }
  return largest;
}

function halfWidth(activation, {W, radius, norm, fixed}, count) {
  if (activation === "tanh") return HALF_WIDTHS[0];
  const furthest = max(0, ...fixed.flatMap(({z}) => z.map(abs)));
  const reach = activation === "relu" ? 0.3 : radius < 1 ? largestPower(W, count) : norm;
  return HALF_WIDTHS.find(half => half >= furthest + 0.8 * reach) ?? HALF_WIDTHS.at(-1);
}

function longestAxis([[w11, w12], [w21, w22]], norm) {
  const across = 2 * (w11 * w21 + w12 * w22), difference = w11 ** 2 + w12 ** 2 - w21 ** 2 - w22 ** 2;
  const angle = hypot(across, difference) <= 1e-9 ? 0 : Math.atan2(across, difference) / 2;
  return [norm * cos(angle), norm * sin(angle)];
}

function drawPlane(half, {x, y}, {W, norm, fixed, orbit, ring}) {
  const inside = z => min(max(z, -4 * half), 4 * half);
  const at = ([x, y]) => [(inside(x) / half + 1) / 2 * SIDE, (1 - inside(y) / half) / 2 * SIDE];
  const turns = Array.from({length: 121}, (_, k) => [cos(k * PI / 60), sin(k * PI / 60)]);
  const ball = turns.map(at), image = turns.map(([x, y]) => at(W.map(([p, q]) => p * x + q * y)));
  const points = orbit.map(at), visible = fixed.filter(({z}) => max(...z.map(abs)) <= half);
  const axis = longestAxis(W, norm), end = at(axis), centre = at([0, 0]);
  const shrink = min(1, 0.86 * half / max(abs(axis[0]), abs(axis[1]), 1e-9));

  const frame = [SIDE, SIDE], taken = [points, image].flatMap(along);
  for (const {z} of visible) for (let k = 0; k < 20; k++) taken.push(at(z));
  const put = (colour, text, spots) => label(colour, text, taken, spots, frame);
  const near = (point, text) => around(...point, 8 * text.length);
  let labels = put("red", "z₀", near(points[0], "z₀"));
  fixed.forEach((point, k) => {
    const text = fixed.length > 1 ? String(k + 1) : "z*";
    if (visible.includes(point)) labels += put("green", text, near(at(point.z), text));
  });
  taken.push(...along(ball), ...along([centre, end]));
  const text = `‖W‖ = ${besideOne(norm)}`;
  labels += put("blue", text, near(at(axis.map(z => z * shrink)), text));
  const spots = ball.filter((_, k) => k % 10 === 0 && k < 120);
  labels += put("minor", "unit circle", spots.flatMap(point => near(point, "unit circle").slice(0, 8)));

  const [grid, ticks] = axes([-half, half], half / 3, LEFT, TOP, SIDE);
  return `${ticks}<svg x="${LEFT}" y="${TOP}" width="${SIDE}" height="${SIDE}" overflow="hidden">`
    + path("grid", grid) + path("ring", ring.map(points => line(points.map(at))).join(""))
    + path("area", line(image)) + path("curve", line(image)) + path("diagonal", line(ball))
    + path("axis", line([centre, end])) + path("orbit", line(points))
    + path("dots", dotted(points.slice(1)))
    + visible.map(({z, kind}) => disc(kind, ...at(z))).join("") + labels + "</svg>"
    + `<rect class="dx-frame" x="${LEFT}" y="${TOP}" width="${SIDE}" height="${SIDE}"/>`
    + circle("grip", LEFT + points[0][0], TOP + points[0][1], 8);
}

// The error (or, without a limit, the length of the steps) with the two geometric sequences.
function drawErrors({lengths, limit, norm}, steps) {
  const plot = [46, 44, 344, 130], positive = lengths.filter(r => r > 0), first = lengths[0];
  const top = ceil(log10(max(...positive, 1e-15)) + 0.3);
  const low = min(top - 2, max(-16, floor(log10(min(...positive, 10 ** top)))));
  const {x, y, markup} = logAxes(plot, [low, top], ceil((top - low) / 5), [0, steps]);
  const points = lengths.map((r, k) => [x(k), y(r)]).filter((_, k) => lengths[k] > 0);
  const geometric = (name, ratio) => {
    const values = [];
    for (let k = 0; k <= steps; k++) {
      const r = first * ratio ** k;
      if (r < 10 ** low || r > 10 ** top) break;
      values.push([x(k), y(r)]);
    }
    return values.length > 1 ? path(name, line(values)) : "";
  };
  const lines = limit && first ? geometric("axis dx-dashed", norm) + geometric("lower dx-dashed", limit.moduli[0])
    + textAt("blue", 46, 34, "- - bound ‖W‖ᵏ|e₀|") + textAt("green", 206, 34, "- - rate ρ(J)ᵏ|e₀|") : "";
  return markup + textAt("red", 46, 16, limit ? "error |eₖ| = |zₖ − z*|" : "length of step k, |zₖ₊₁ − zₖ|")
    + lines + (points.length ? path("orbit", line(points)) : "") + path("dots", dotted(points));
}

explore("tanh-plane", {
  title: "Interactive figure: a map of the plane",
  stacked: true,

  controls({limits, maxSteps, presets}, state) {
    const slider = (name, label, step, more) => ({name, label, min: limits[name][0], max: limits[name][1], step, ...more});
    const real = state.pair === "real";
    return [
      {name: "preset", label: "story", options: [...Object.entries(presets).map(([key, {title}]) => [key, title]), ["own", "your own"]]},
      {name: "activation", label: "map f(z) =", options: Object.entries(FORMULAS)},
      {name: "pair", label: "eigenvalues", options: [["real", "λ₁, λ₂ real"], ["complex", "pair ρ e^(± i θ)"]]},
      slider("l1", "λ₁", 0.01, {half: true, hidden: !real}),
      slider("l2", "λ₂", 0.01, {half: true, hidden: !real}),
      slider("radius", "ρ", 0.01, {half: true, hidden: real}),
      slider("angle", "θ", 1, {half: true, hidden: real, text: `${state.angle}°`}),
      slider("c", "non-normality", 0.1, {text: number(state.c, 1)}),
      slider("turn", "turn of W", 1, {text: `${number(state.turn, Number.isInteger(state.turn) ? 0 : 1)}°`}),
      slider("b1", "b₁", 0.01, {half: true}),
      slider("b2", "b₂", 0.01, {half: true}),
      slider("x", "x₀", 0.01, {half: true}),
      slider("y", "y₀", 0.01, {half: true}),
      {name: "steps", label: "steps", min: 1, max: maxSteps, step: 1},
    ];
  },

  change({presets}, state, changes) {
    if (changes.preset in presets) {
      const {title, ...values} = presets[changes.preset];
      return {...values, ...changes};
    }
    const own = Object.keys(changes).some(name => !["x", "y", "steps"].includes(name));
    return {...state, ...changes, ...own && {preset: "own"}};
  },

  numbers: (config, state) => numbersOf(state),

  draw({maxSteps}, state, numbers) {
    const {W, radius, norm, fixed, verdict, lengths, limit, growth, peak} = numbers;
    const from = `from z₀ = ${place([state.x, state.y])}, ${state.steps} steps`;
    const what = `f(z) = ${FORMULAS[state.activation]}, ρ(W) = ${number(radius, 2)}, ‖W‖ = ${besideOne(norm)}, ${from}`;
    const half = halfWidth(state.activation, numbers, maxSteps), last = lengths.length - 1;
    const scale = SIDE / 2 / half;
    return {
      pictures: [
        {box: `0 0 ${SIZE} ${SIZE}`, label: `Orbits of ${what}: ${verdict.text}.`, markup: drawPlane(half, state, numbers)},
        {box: "0 0 400 206", label: `${limit ? "Error" : "Length of each step"} on a logarithmic scale; ${size(lengths[last])} at k = ${last}.`,
          markup: drawErrors(numbers, state.steps)},
      ],
      grips: [[LEFT + SIDE / 2 + scale * state.x, TOP + SIDE / 2 - scale * state.y]],
      notes: [
        `W = [[${W.map(row => row.map(w => number(w, 2)).join(", ")).join("], [")}]]`,
        `ρ(W) = ${number(radius, 2)}, ‖W‖₂ = ${besideOne(norm)}`,
        ...fixed.map(({z, moduli, kind}, k) => `${DISC[kind]} ${fixed.length > 1 ? k + 1 : "z*"} ${place(z)} ${kind}, ρ(J) = ${number(moduli[0], 2)}`),
        ...growth > 1.005 ? [`largest |eₖ| / |e₀| = ${number(growth, 3)}, at k = ${peak}`] : [],
      ],
    };
  },

  drag({limits, maxSteps}, state, x, y) {
    const half = halfWidth(state.activation, numbersOf(state), maxSteps);
    const mark = (z, [low, high]) => round(100 * min(max(z, low), high)) / 100;
    return {x: mark(((x - LEFT) / SIDE * 2 - 1) * half, limits.x), y: mark((1 - (y - TOP) / SIDE * 2) * half, limits.y)};
  },
});
