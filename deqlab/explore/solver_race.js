// The explorable *solver race*, with the geometry of _solver_race.py; race.js computes.

const SIZE = 400, LEFT = 46, TOP = 10, SIDE = 344, HALF = 1.5;

const STYLES = {
  picard: ["Picard", "minor", "diagonal"],
  relaxed: ["relaxed", "green", "lower"],
  anderson: ["Anderson", "blue", "axis"],
  broyden: ["Broyden", "purple", "other"],
  newton: ["Newton", "red", "orbit"],
};

function judge(runs) {
  const paid = runs.filter(run => run.paid !== null).sort((p, q) => p.paid - q.paid);
  const never = runs.filter(run => run.paid === null).map(({name}) => STYLES[name][0]);
  const counts = paid.map(({name, paid}) => `${STYLES[name][0]} ${paid}`);
  if (never.length) counts.push(`${never.join(", ")} never`);
  return say(paid.length ? "reached" : "never", `evaluations to |f(z) − z| ≤ 10⁻⁸: ${counts.join(", ")}`);
}

const dimmed = (highlight, name, markup) => ["all", name].includes(highlight) ? markup : `<g class="dx-faint">${markup}</g>`;

function drawRace({x, y, evaluations, highlight}, {fixed, runs}) {
  const inside = z => min(max(z, -4 * HALF), 4 * HALF);
  const at = ([x, y]) => [(inside(x) / HALF + 1) / 2 * SIDE, (1 - inside(y) / HALF) / 2 * SIDE];
  const frame = [SIDE, SIDE], start = at([x, y]);
  const lines = runs.map(({name, path}) => [name, path.filter(({spent}) => spent <= evaluations).map(({z}) => at(z))]);
  const taken = lines.flatMap(([, points]) => along(points));
  for (const {z} of fixed) for (let k = 0; k < 20; k++) taken.push(at(z));
  let labels = label("red", "z₀", taken, around(...start, 16), frame);
  fixed.forEach(({z}, k) => {
    const text = fixed.length > 1 ? String(k + 1) : "z*";
    labels += label("green", text, taken, around(...at(z), 8 * text.length), frame);
  });
  labels += nameCurves(lines.map(([name, points]) => [STYLES[name][1], STYLES[name][0], points.slice(1)]), taken, frame);
  const curves = lines.map(([name, points]) => points.length ? dimmed(highlight, name,
    path(STYLES[name][2], line(points)) + path(`${STYLES[name][2]} dx-points`, dotted(points.slice(1)))) : "").join("");
  const [grid, ticks] = axes([-HALF, HALF], 0.5, LEFT, TOP, SIDE);
  return `${ticks}<svg x="${LEFT}" y="${TOP}" width="${SIDE}" height="${SIDE}" overflow="hidden">`
    + path("grid", grid) + curves + fixed.map(({z, kind}) => disc(kind, ...at(z))).join("") + labels + "</svg>"
    + `<rect class="dx-frame" x="${LEFT}" y="${TOP}" width="${SIDE}" height="${SIDE}"/>`
    + circle("grip", LEFT + start[0], TOP + start[1], 8);
}

function drawDecay({evaluations, highlight}, runs, top, title, values) {
  const plot = [0, 0, 262, 140], {x, y, markup} = logAxes(plot, [-16, 1], 4, [0, evaluations], "evaluations");
  const lines = runs.map(run => [run.name, run.path.filter(({spent}) => spent <= evaluations)
    .map(({spent}, k) => [x(spent), y(values(run)[k])])]);
  const names = nameCurves(lines.map(([name, points]) => [STYLES[name][1], STYLES[name][0], points]),
    lines.flatMap(([, points]) => along(points)), [262, 140]);
  const curves = lines.map(([name, points]) => points.length ? dimmed(highlight, name,
    path(STYLES[name][2], line(points)) + path(`${STYLES[name][2]} dx-points`, dotted(points))) : "").join("");
  return `<g transform="translate(46,${top})">${markup}${textAt("minor", 0, -10, title)}${curves}${names}</g>`;
}

explore("solver-race", {
  title: "Interactive figure: five solvers in the plane",

  controls({limits, maps}, {map}) {
    const slider = (name, label, step, more) => ({name, label, min: limits[name][0], max: limits[name][1], step, ...more});
    return [
      {name: "map", label: "map", options: Object.entries(maps).map(([key, {title}]) => [key, title])},
      slider("scale", "weight scale c", 0.01, {hidden: map === "babylonian"}),
      slider("relaxation", "relaxation τ", 0.01),
      slider("memory", "memory m", 1),
      slider("evaluations", "evaluations", 1),
      {name: "highlight", label: "highlight", options: [["all", "all five"], ...Object.entries(STYLES).map(([key, [text]]) => [key, text])]},
      slider("x", "x₀", 0.01, {half: true}),
      slider("y", "y₀", 0.01, {half: true}),
    ];
  },

  change({maps}, state, changes) {
    const next = {...state, ...changes};
    if (next.map === state.map || "scale" in changes) return next;
    const {scale, start: [x, y]} = maps[next.map];
    return {...next, scale, x, y};
  },

  numbers(config, state) {
    const numbers = numbersOf(state);
    return {...numbers, verdict: judge(numbers.runs)};
  },

  draw({maps}, state, numbers) {
    const {runs, fixed, verdict} = numbers, c = state.map === "babylonian" ? "" : `, c = ${number(state.scale, 2)}`;
    const what = `${maps[state.map].title}${c}, from z₀ = ${place([state.x, state.y])}`;
    return {
      pictures: [
        {box: `0 0 ${SIZE} ${SIZE}`, label: `Five solvers on ${what}; ${verdict.text}.`, markup: drawRace(state, numbers)},
        {box: "0 0 320 402", label: `Residual and error against evaluations of f, on logarithmic scales, up to ${state.evaluations}.`,
          markup: drawDecay(state, runs, 30, "residual |f(z) − z|", ({path}) => path.map(({residual}) => residual))
            + drawDecay(state, runs, 230, "error |z − z*|", ({errors}) => errors)},
      ],
      grips: [[LEFT + (state.x / HALF + 1) / 2 * SIDE, TOP + (1 - state.y / HALF) / 2 * SIDE]],
      notes: [
        ...fixed.map(({z, kind}, k) => `${DISC[kind]} ${fixed.length > 1 ? k + 1 : "z*"} ${place(z)} ${kind}`),
        ...fixed.length > 1 ? [`reached: ${runs.filter(run => run.paid !== null).map(({name, limit}) =>
          `${STYLES[name][0]} ${fixed.indexOf(limit) + 1}`).join(", ")}`] : [],
        "a Newton step costs 3: f, J e₁ and J e₂",
      ],
    };
  },

  drag({limits}, state, x, y) {
    const mark = (z, [low, high]) => round(100 * min(max(z, low), high)) / 100;
    return {x: mark(((x - LEFT) / SIDE * 2 - 1) * HALF, limits.x), y: mark((1 - (y - TOP) / SIDE * 2) * HALF, limits.y)};
  },
});
