// The explorable *Anderson's memory*, with the geometry of _anderson_memory.py; ridge.js computes.

const SIZE = 400, LEFT = 50, TOP = 10, WIDTH = 332, HEIGHT = 344, DECADES = [-14, 2], GOAL = 1e-6;

const STYLES = {
  plain: ["plain iteration", "minor", "diagonal"],
  bordered: ["absolute, bordered", "red", "orbit"],
  absolute: ["absolute, differences", "purple", "other"],
  relative: ["relative", "blue", "curve"],
};

function judge(runs, evaluations) {
  const counts = METHODS.map(method => [method, runs[method].residuals.findIndex(r => r <= GOAL) + 1]);
  const order = counts.filter(([, count]) => count).sort((p, q) => p[1] - q[1]).map(([method, count]) => `${method} ${count}`);
  const never = counts.filter(([, count]) => !count).map(([method]) => method);
  if (never.length) order.push(`not within ${evaluations}: ${never.join(", ")}`);
  const last = method => runs[method].residuals.at(-1);
  const behind = last("bordered") > last("plain") && runs.bordered.residuals.length === runs.plain.residuals.length;
  const tail = behind ? "; the bordered form ends behind plain iteration" : "";
  return say(behind ? "behind" : "ahead", `evaluations to |r| ≤ 10⁻⁶ |r₀|: ${order.join(", ")}${tail}`);
}

function drawRuns({evaluations, step}, runs) {
  const {x, y, markup} = logAxes([0, 0, WIDTH, HEIGHT], DECADES, 4, [0, evaluations - 1]);
  const curves = METHODS.map(method => [method, runs[method].residuals.map((r, k) => [x(k), y(r)])]);
  const names = nameCurves(curves.map(([method, points]) => [STYLES[method][1], STYLES[method][0], points]),
    curves.flatMap(([, points]) => along(points)), [WIDTH, HEIGHT]);
  return `<g transform="translate(${LEFT},${TOP})">${markup}${path("diagonal dx-dashed", `M${px(x(step))},0V${HEIGHT}`)}`
    + curves.map(([method, points]) => path(STYLES[method][2], line(points))).join("")
    + `${names}<rect class="dx-frame" x="0" y="0" width="${WIDTH}" height="${HEIGHT}"/></g>`
    + circle("grip", LEFT + x(step), TOP + HEIGHT, 8);
}

const weightsAt = ({weights}, step) => weights[min(step, weights.length - 1)];

function drawWeights({step, memory}, runs) {
  const shown = METHODS.slice(1).map(method => weightsAt(runs[method], step));
  const largest = max(1, ...shown.flat().map(abs)), plot = [40, 34, 270, 110], text = number(largest, 1);
  const {y, markup} = plotAxes(plot, [0, 1], [-largest, largest], [], [[largest, text], [0, "0"], [-largest, number(-largest, 1)]]);
  const bars = METHODS.slice(1).map((method, group) => {
    const colour = STYLES[method][1], left = 46 + 92 * group, wide = 76 / (memory + 1), offset = memory + 1 - shown[group].length;
    return textAt(colour, left + 38, 166, method, "middle") + shown[group].map((weight, j) =>
      `<rect class="dx-${colour}" x="${px(left + wide * (j + offset))}" y="${px(min(y(weight), y(0)))}" `
      + `width="${px(wide * 0.8)}" height="${px(max(1, abs(y(weight) - y(0))))}"/>`).join("");
  });
  return textAt("minor", 4, 16, `weights αⱼ at k = ${step}`) + markup + bars.join("")
    + textAt("minor", 46, 186, "old → new");
}

explore("anderson-memory", {
  title: "Interactive figure: Anderson's memory and its ridge",

  controls({limits}, state) {
    const slider = (name, label, text, top) => ({name, label, min: limits[name][0], max: top ?? limits[name][1], step: 1, text});
    return [
      {name: "map", label: "map", options: [["tanh", "tanh(W z + b)"], ["linear", "W z + b"]]},
      slider("memory", "memory m"),
      slider("ridge", "ridge λ", power(state.ridge)),
      slider("scale", "state scale s", power(state.scale)),
      slider("evaluations", "evaluations"),
      slider("step", "weights at k", String(state.step), state.evaluations - 1),
    ];
  },

  change(config, state, changes) {
    const next = {...state, ...changes};
    return {...next, step: min(next.step, next.evaluations - 1)};
  },

  numbers(config, state) {
    const runs = numbersOf(state);
    return {...runs, verdict: judge(runs, state.evaluations)};
  },

  draw(config, state, numbers) {
    const {verdict} = numbers, what = `m = ${state.memory}, λ = ${power(state.ridge)}, s = ${power(state.scale)}`;
    const weights = METHODS.slice(1).map(method => `${method} ${weightsAt(numbers[method], state.step).map(w => number(w, 2)).join(", ")}`);
    return {
      pictures: [
        {box: `0 0 ${SIZE} ${SIZE}`, label: `Residual of Anderson's method against evaluations, ${state.map} map, ${what}; ${verdict.text}.`, markup: drawRuns(state, numbers)},
        {box: "0 0 320 194", label: `Weights at k = ${state.step}, oldest first: ${weights.join("; ")}.`, markup: drawWeights(state, numbers)},
      ],
      grips: [[LEFT + WIDTH * state.step / max(state.evaluations - 1, 1), TOP + HEIGHT]],
      notes: METHODS.map(method => `${STYLES[method][0]}: |r| / |r₀| = ${size(numbers[method].residuals.at(-1))} at k = ${numbers[method].residuals.length - 1}`),
    };
  },

  drag: (config, {evaluations}, x) => ({step: min(max(round((x - LEFT) / WIDTH * (evaluations - 1)), 0), evaluations - 1)}),
});
