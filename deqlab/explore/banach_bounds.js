// The explorable *Banach bounds*, with the geometry of _banach_bounds.py; contraction.js computes.

const SIZE = 400, LEFT = 50, TOP = 10, WIDTH = 332, HEIGHT = 344;

const DECADES = {exact: [-18, 5, 5], float64: [-18, 5, 5], float32: [-10, 5, 5], bfloat16: [-5, 5, 2]};

function drawBounds({steps, tol: exponent, precision}, run) {
  const [low, high, every] = DECADES[precision], tol = 10 ** exponent;
  const {x, y, markup} = logAxes([0, 0, WIDTH, HEIGHT], [low, high], every, [0, steps]);
  const curve = values => values.slice(0, steps + 1).map((r, k) => [x(k), y(r)]);
  const shape = (name, points) => points.length ? path(name, line(points)) : "";
  const [error, prior, posterior, lower] = [run.errors, run.prior, run.posterior, run.lower].map(curve);
  const across = r => [[0, y(r)], [WIDTH, y(r)]], floorLine = run.floor ? across(run.floor) : [], level = across(tol);
  const {promised, reached, certified} = run.counts;
  const marks = [["axis dx-dashed", promised], ["axis", certified], ["orbit", reached]].map(([name, k]) =>
    k !== null && k <= steps ? shape(name, [[x(k), y(tol)], [x(k), HEIGHT]]) : "").join("");

  const taken = [error, prior, posterior, lower, floorLine].flatMap(along);
  const labels = nameCurves([
    ["red", "true error", error],
    ["blue", "a posteriori", posterior],
    ["blue", "a priori", prior],
    ["green", "lower bound", lower],
    ["minor", "rounding floor", along(floorLine)],
    ["minor", "tolerance", along(level)],
  ], taken, [WIDTH, HEIGHT]);
  return `<g transform="translate(${LEFT},${TOP})">${markup}` + shape("area", [...posterior, ...lower.toReversed()])
    + shape("diagonal dx-dashed", floorLine) + shape("diagonal", level) + shape("curve", posterior)
    + shape("lower", lower) + shape("axis dx-dashed", prior) + marks + shape("orbit", error) + labels
    + `<rect class="dx-frame" x="0" y="0" width="${WIDTH}" height="${HEIGHT}"/></g>`
    + circle("grip", LEFT + WIDTH, TOP + y(tol), 8);
}

// λ in the unit disc: the residual is |1 − λ| times the error.
function drawEigenvalue({L, eigenvalue: [real, imaginary], ratio}) {
  const r = 80, x = re => 88 + r * re, y = im => 94 - r * im, inwards = 15 / r / L;
  const ring = (name, radius) => `<circle class="dx-${name}" cx="${px(x(0))}" cy="${px(y(0))}" r="${px(radius * r)}"/>`;
  return path("grid", `M4,${y(0)}H172M${x(0)},10V178`) + ring("diagonal", 1) + ring("diagonal dx-dashed", L)
    + path("orbit", line([[x(1), y(0)], [x(real), y(imaginary)]]))
    + circle("core", x(1), y(0), 4) + circle("dot", x(real), y(imaginary), 6)
    + textAt("green", x(1) + 8, y(0) + 5, "1")
    + textAt("red", x(real - inwards * real), y(imaginary - inwards * imaginary) - 2, "λ", "middle")
    + textAt("minor", 196, 40, "residual / error") + textAt("red", 196, 64, `= |1 − λ| = ${number(ratio, 2)}`)
    + textAt("blue", 196, 132, `≥ 1 − L = ${number(1 - L, 2)}`)
    + textAt("green", 196, 156, `≤ 1 + L = ${number(1 + L, 2)}`);
}

const NAMES = {exact: "none (exact)", float64: "float64", float32: "float32", bfloat16: "bfloat16"};

explore("banach-bounds", {
  title: "Interactive figure: Banach's error bounds",

  controls({limits}, state) {
    const slider = (name, label, step, text) => ({name, label, min: limits[name][0], max: limits[name][1], step, text});
    return [
      slider("L", "contraction L", 0.01),
      slider("angle", "angle of λ", 1, `${state.angle}°`),
      {name: "precision", label: "rounding", options: Object.entries(NAMES)},
      {name: "bounds", label: "bounds", options: [["textbook", "textbook, η left out"], ["rounding", "with rounding η"]]},
      slider("distance", "start |e₀|", 1, power(state.distance)),
      slider("tol", "tolerance", 1, power(state.tol)),
      slider("steps", "steps", 1),
    ];
  },

  change: (config, state, changes) => ({...state, ...changes}),

  numbers: (config, state) => numbersOf(state),

  draw(config, state, numbers) {
    const [low, high] = DECADES[state.precision];
    const {L, ratio, floor, errors, residuals, counts, verdict} = numbers, k = state.steps;
    const what = `L = ${number(state.L, 2)}, λ at ${state.angle}°, ${state.precision}`;
    const show = count => count ?? "never";
    return {
      pictures: [
        {box: `0 0 ${SIZE} ${SIZE}`, label: `Error and its bounds on a logarithmic scale, ${what}: ${verdict.text}.`, markup: drawBounds(state, numbers)},
        {box: "0 0 320 196", label: `λ in the unit disc; its distance from 1 is ${number(ratio, 2)}.`, markup: drawEigenvalue(numbers)},
      ],
      grips: [[LEFT + WIDTH, TOP + HEIGHT * (high - max(state.tol, low)) / (high - low)]],
      notes: [
        `steps: ${show(counts.promised)} a priori, ${show(counts.reached)} in truth, ${show(counts.certified)} a posteriori`,
        `bound / error = |1 − λ| / (1 − L) = ${number(ratio / (1 - L), 2)}`,
        `rounding floor η/(1 − L) = ${size(floor)}`,
        `step ${k}: error ${size(errors[k])}, residual ${size(residuals[k])}`,
      ],
    };
  },

  drag({limits}, state, x, y) {
    const [low, high] = DECADES[state.precision], exponent = high - (y - TOP) / HEIGHT * (high - low);
    return {tol: min(max(round(exponent), limits.tol[0]), limits.tol[1])};
  },
});
