// The explorable *unit circle*, with the geometry of _unit_circle.py; exits.js computes.

const SIZE = 400, LEFT = 46, TOP = 10, SIDE = 344, HALF = 2.2;

const at = ([x, y]) => [(x / HALF + 1) / 2 * SIDE, (1 - y / HALF) / 2 * SIDE];

const says = radius => abs(radius - 1) <= 1e-9 ? "is marginal" : radius < 1 ? "converges to z*" : "leaves z*";

function judge({radius, relaxed, gradient}) {
  const slope = gradient === Infinity ? "is infinite, as 1 ∈ σ(J)" : `= ${size(gradient)}`;
  return say(radius < 1 ? "inside" : "outside",
    `ρ(J) = ${besideOne(radius)}: Picard ${says(radius)}, relaxed Picard ${says(relaxed)}; |dz*/db| ${slope}`);
}

const ring = (style, [x, y], radius) =>
  `<circle class="dx-${style}" cx="${px(x)}" cy="${px(y)}" r="${px(radius / HALF / 2 * SIDE)}"/>`;

function drawEigenvalues({relaxation: tau}, {eigenvalues, branch}) {
  const frame = [SIDE, SIDE], trails = [0, 1].map(k => branch.map(place => at(place.eigenvalues[k])));
  const unit = Array.from({length: 37}, (_, k) => at([Math.cos(k * PI / 18), Math.sin(k * PI / 18)])), one = at([1, 0]);
  const disc = Array.from({length: 37}, (_, k) => at([1 - 1 / tau + Math.cos(k * PI / 18) / tau, Math.sin(k * PI / 18) / tau]));
  const marks = eigenvalues.map(at), taken = [...along(unit), ...along(disc), ...trails.flatMap(along)];
  for (const mark of [...marks, one]) for (let k = 0; k < 20; k++) taken.push(mark);
  let labels = label("red", "λ", taken, around(...marks[0], 8), frame) + label("green", "1", taken, around(...one, 8), frame);
  const shown = disc.filter(([x, y]) => 0 <= x && x <= SIDE && 0 <= y && y <= SIDE);
  labels += nameCurves([["minor", "unit circle", unit], ["green", "relaxed converges inside", shown]], taken, frame);
  const [grid, ticks] = axes([-HALF, HALF], 1, LEFT, TOP, SIDE);
  return `${ticks}<svg x="${LEFT}" y="${TOP}" width="${SIDE}" height="${SIDE}" overflow="hidden">`
    + path("grid", grid) + ring("area", at([1 - 1 / tau, 0]), 1 / tau) + ring("lower dx-dashed", at([1 - 1 / tau, 0]), 1 / tau)
    + ring("diagonal", at([0, 0]), 1) + trails.map(points => path("ring", line(points))).join("")
    + circle("core", ...one, 4) + circle("dot", ...marks[1], 6) + labels + "</svg>"
    + `<rect class="dx-frame" x="${LEFT}" y="${TOP}" width="${SIDE}" height="${SIDE}"/>`
    + circle("grip", LEFT + marks[0][0], TOP + marks[0][1], 8);
}

function drawErrors({picard, slower}) {
  const {x, y, markup} = logAxes([0, 0, 262, 120], [-16, 1], 5, [0, STEPS]);
  const curves = [["red", "Picard", picard], ["green", "relaxed", slower]]
    .map(([colour, name, values]) => [colour, name, values.map((r, k) => [x(k), y(r)])]);
  return `<g transform="translate(46,28)">${markup}${textAt("minor", 0, -10, "error |zₖ − z*|")}`
    + path("orbit", line(curves[0][2])) + path("lower", line(curves[1][2]))
    + nameCurves(curves, curves.flatMap(([, , points]) => along(points)), [262, 120]) + "</g>";
}

function drawGradient({scale}, {branch}) {
  const {x, y, markup} = plotAxes([0, 0, 250, 120], [0, LAST], [-1, 3], [[0, "0"], [1, "c"], [2, "2"]], powersOfTen([-1, 3], 1));
  const level = value => y(log10(value)), exact = branch.map(({gradient}, k) => [x(k / MARKS), level(gradient)]);
  const inside = branch.findIndex(({radius}) => radius >= 1), end = inside < 0 ? branch.length : inside;
  const bound = branch.slice(0, end).map(({radius}, k) => [x(k / MARKS), level(1 / (1 - radius))]);
  const curves = [["blue", "|dz*/db|", exact], ["minor", "1/(1 − ρ(J))", bound.toReversed()]];
  return `<g transform="translate(46,28)">${markup}${textAt("minor", 0, -10, "the implicit gradient at z*")}`
    + path("diagonal dx-dashed", line(bound)) + path("diagonal", `M${px(x(scale))},0V120`) + path("curve", line(exact))
    + nameCurves(curves, curves.flatMap(([, , points]) => along(points)), [250, 120]) + "</g>";
}

const complexText = ([x, y]) => y ? `${number(x, 2)} ${y < 0 ? "−" : "+"} ${number(abs(y), 2)}i` : number(x, 2);

explore("unit-circle", {
  title: "Interactive figure: three ways out of the unit circle",

  controls({limits}, {exit, angle}) {
    const slider = (name, label, step, more) => ({name, label, min: limits[name][0], max: limits[name][1], step, ...more});
    return [
      {name: "exit", label: "λ leaves", options: [["+1", "through +1"], ["-1", "through −1"], ["pair", "as a complex pair"]]},
      slider("scale", "weight scale c", 0.01),
      slider("relaxation", "relaxation τ", 0.01),
      slider("offset", "offset b", 0.01),
      slider("angle", "angle of λ", 1, {hidden: exit !== "pair", text: `${angle}°`}),
    ];
  },

  change: (config, state, changes) => ({...state, ...changes}),

  numbers(config, state) {
    const numbers = numbersOf(state);
    return {...numbers, verdict: judge(numbers)};
  },

  draw(config, state, numbers) {
    const {verdict, eigenvalues, relaxed, fixed, z, picard, slower, gradient} = numbers;
    const real = max(...eigenvalues.map(([x]) => x)), limits = eigenvalues.map(([x, y]) => 2 * (1 - x) / ((1 - x) ** 2 + y * y));
    const angle = state.exit === "pair" ? `, θ = ${state.angle}°` : "";
    const what = `c = ${number(state.scale, 2)}, τ = ${number(state.relaxation, 2)}, b = ${number(state.offset, 2)} (1, 0.5)${angle}`;
    const mark = at(eigenvalues[0]), attracting = fixed.filter(({kind}) => kind === "attracting").length;
    return {
      pictures: [
        {box: `0 0 ${SIZE} ${SIZE}`, label: `Eigenvalues of the Jacobian at z*, ${what}: ${verdict.text}.`, markup: drawEigenvalues(state, numbers)},
        {box: "0 0 320 178", label: `Errors after ${STEPS} steps: Picard ${size(picard[STEPS])}, relaxed Picard ${size(slower[STEPS])}.`,
          markup: drawErrors(numbers)},
        {box: "0 0 320 178", label: `Norm of dz*/db for c from 0 to 2; at c = ${number(state.scale, 2)} it is ${size(gradient)}.`,
          markup: drawGradient(state, numbers)},
      ],
      grips: [[LEFT + mark[0], TOP + mark[1]]],
      notes: [
        `λ = ${eigenvalues.map(complexText).join(", ")} at z* = ${place(z)}`,
        `relaxed: |1 − τ + τ λ| ≤ ${besideOne(relaxed)}; ${real < 1 ? `τ < ${number(min(...limits), 2)} converges` : "no τ > 0 converges"}`,
        `${fixed.length} fixed point${fixed.length > 1 ? "s" : ""}, of which ${attracting || "none"} attract${attracting > 1 ? "" : "s"}`,
      ],
    };
  },

  drag(config, state, x, y) {
    const away = branchOf(weightsOf(state), [state.offset, state.offset / 2])
      .map(place => distance(at(place.eigenvalues[0]), [x - LEFT, y - TOP]));
    return {scale: away.indexOf(min(...away)) / MARKS};
  },
});
