// The explorable *residuals over training*, with the geometry of _residuals_over_training.py.

const SIZE = 400, LEFT = 50, TOP = 32, WIDTH = 332, HEIGHT = 324, FLOOR = 1e-16;

const needed = (curve, tolerance) => {
  const k = curve.findIndex(value => value <= tolerance);
  return k < 0 ? null : k;
};

function judge({steps, curves, tolerance, radii}, {time}) {
  const count = needed(curves[time], tolerance), when = `after ${number(steps[time], 0)} steps of training`;
  const what = count === null ? `not within ${curves[time].length - 1} steps of the solver` : `${count} steps of the solver to ${size(tolerance)}`;
  return say(count === null ? "never" : "reached", `${when}: ${what}${radii ? `; ρ(J) = ${number(radii[time], 2)}` : ""}`);
}

function drawCurves({curves, tolerance}, {time}) {
  const values = [...curves.flat().filter(value => value > 0), tolerance], low = floor(log10(max(min(...values), FLOOR)));
  const high = max(ceil(log10(max(...values))), low + 1), last = max(...curves.map(curve => curve.length)) - 1;
  const {x, y, markup} = logAxes([0, 0, WIDTH, HEIGHT], [low, high], ceil((high - low) / 6), [0, last], "steps of the solver");
  const lines = curves.map(curve => curve.map((value, k) => [x(k), y(value)])), count = needed(curves[time], tolerance);
  return `${textAt("minor", LEFT, 20, "relative residual; the other times faint")}<g transform="translate(${LEFT},${TOP})">${markup}`
    + path("axis dx-faint", lines.map(line).join("")) + path("lower dx-dashed", `M0,${px(y(tolerance))}H${WIDTH}`)
    + path("orbit", line(lines[time])) + (count === null ? "" : circle("dot", ...lines[time][count], 6))
    + textAt("green", WIDTH - 4, y(tolerance) - 6, "tolerance", "end")
    + `<rect class="dx-frame" x="0" y="0" width="${WIDTH}" height="${HEIGHT}"/></g>`;
}

// One number over the training, [step, value] with nothing where there is none; a dashed level.
function drawHistory(top, title, points, [first, last], highest, level, time, digits) {
  const yTicks = [[0, "0"], [highest, number(highest, digits)]], xTicks = [[first, String(first)], [last, String(last)], [(first + last) / 2, "training"]];
  const {x, y, markup} = plotAxes([0, 0, 254, 110], [first, last], [0, highest], xTicks, yTicks);
  const seen = points.filter(([, value]) => value !== null), now = points[time];
  const at = ([step, value]) => [x(step), y(value)];
  return `<g transform="translate(46,${top})">${markup}${textAt("minor", 0, -10, title)}`
    + (level === null ? "" : path("lower dx-dashed", `M0,${px(y(level))}h254`))
    + path("axis dx-points", dotted(seen.map(at))) + path("diagonal dx-dashed", `M${px(x(now[0]))},0v110`)
    + (now[1] === null ? "" : circle("dot", ...at(now), 5)) + "</g>";
}

explore("residuals-over-training", {
  title: "Interactive figure: residuals over training",

  controls: ({steps}, {time}) => [
    {name: "time", label: "training step", min: 0, max: steps.length - 1, step: 1, text: number(steps[time], 0)},
  ],

  change: (config, state, changes) => ({...state, ...changes}),

  numbers: (config, state) => ({
    needed: config.curves.map(curve => needed(curve, config.tolerance)), verdict: judge(config, state),
  }),

  draw(config, state, numbers) {
    const {steps, curves, radii, tolerance} = config, {time} = state, range = [steps[0], steps.at(-1)];
    const longest = max(...curves.map(curve => curve.length)) - 1;
    const counts = drawHistory(30, `steps of the solver to ${size(tolerance)}`,
      steps.map((step, t) => [step, numbers.needed[t]]), range, longest, null, time, 0);
    const radius = radii ? drawHistory(200, "spectral radius ρ(J), and 1 dashed", steps.map((step, t) => [step, radii[t]]),
      range, max(1, ...radii), 1, time, 2) : "";
    const never = numbers.needed.filter(count => count === null).length;
    return {
      pictures: [
        {box: `0 0 ${SIZE} ${SIZE}`, markup: drawCurves(config, state),
          label: `Relative residual against steps of the solver, on a logarithmic scale; ${numbers.verdict.text}.`},
        {box: `0 0 320 ${radii ? 342 : 172}`, markup: counts + radius,
          label: `Steps of the solver${radii ? " and spectral radius" : ""} over the training, from step ${range[0]} to ${range[1]}.`},
      ],
      notes: [
        `final residual ${size(curves[time].at(-1))}`,
        `not done within the curve at ${never} of ${steps.length} times`,
      ],
    };
  },
});
