// The explorable *tolerance and gradient*, drawn as in _gradient_tolerance.py; gradient.js computes.

const SIZE = 400, LEFT = 50, TOP = 32, WIDTH = 332, HEIGHT = 324, DECADES = [-12, 3], FORWARD = [-12, -1];

const styles = ({terms, unrolled}) => ({
  bound: ["bound", "blue", "axis dx-dashed"],
  implicit: ["implicit", "blue", "curve"],
  jfb: ["JFB", "red", "orbit"],
  neumann: [`Neumann ${terms}`, "purple", "other"],
  unrolled: [`unrolled ${unrolled}`, "green", "lower"],
});

const shown = error => error < 1e-12 ? "below 10⁻¹²" : size(error); // and then rounding

function judge({errors: {implicit, bound, unrolled, neumann, jfb}}, {terms, unrolled: count}) {
  return say("errors", `relative error of the gradient: implicit ${shown(implicit)} (bound ${shown(bound)}), `
    + `unrolled ${count}: ${shown(unrolled)}, Neumann ${terms}: ${shown(neumann)}, JFB ${shown(jfb)}`);
}

// The errors along a sweep of [place, errors], in a plot of its own, marked at the place chosen.
function drawErrors(state, [width, height], range, decades, below, rows, chosen) {
  const {x, y, markup} = plotAxes([0, 0, width, height], range, decades, below, powersOfTen(decades, 4));
  const curves = Object.entries(styles(state)).map(([name, style]) =>
    [style, rows.map(([place, errors]) => [x(place), y(log10(max(errors[name], 1e-300)))])]);
  const names = nameCurves(curves.map(([[name, colour], points], k) => [colour, name, k < 2 ? points.toReversed() : points]),
    curves.flatMap(([, points]) => along(points)), [width, height]);
  return markup + path("diagonal dx-dashed", `M${px(x(chosen))},0V${height}`)
    + curves.map(([[, , style], points]) => path(style, line(points))).join("")
    + `${names}<rect class="dx-frame" x="0" y="0" width="${width}" height="${height}"/>`;
}

explore("gradient-tolerance", {
  title: "Interactive figure: tolerances and the error of a gradient",

  controls({limits}, state) {
    const slider = (name, label, step, text) => ({name, label, min: limits[name][0], max: limits[name][1], step, text});
    return [
      slider("rate", "contraction L", 0.01),
      slider("forward", "forward tol. r", 1, power(state.forward)),
      slider("adjoint", "adjoint tol. s", 1, power(state.adjoint)),
      slider("terms", "Neumann k", 1),
      slider("unrolled", "unrolled K", 1),
    ];
  },

  change: (config, state, changes) => ({...state, ...changes}),

  numbers(config, state) {
    const numbers = numbersOf(state);
    return {...numbers, verdict: judge(numbers, state)};
  },

  draw(config, state, numbers) {
    const {verdict, sweep, rates, steps, products, cosines, constants} = numbers;
    const what = `L = ${number(state.rate, 2)}, r = ${power(state.forward)}, s = ${power(state.adjoint)}`;
    const least = min(...rates.map(([, {implicit}]) => implicit)), lowest = max(-14, min(floor(log10(least)) - 1, -4));
    const ends = FORWARD.map(k => [k, power(k)]), side = [[log10(2), "0.5"], [2, "0.99"], [1.15, "contraction rate L"]];
    return {
      pictures: [
        {box: `0 0 ${SIZE} ${SIZE}`, label: `Error of the gradient against the tolerance of the forward solve, ${what}; ${verdict.text}.`,
          markup: textAt("minor", LEFT, 20, "relative error of the gradient") + `<g transform="translate(${LEFT},${TOP})">`
            + drawErrors(state, [WIDTH, HEIGHT], FORWARD, DECADES, [...ends, [-6.5, "forward tolerance r"]], sweep, state.forward)
            + "</g>" + circle("grip", LEFT + WIDTH * (state.forward + 12) / 11, TOP + HEIGHT, 8)},
        {box: "0 0 320 262", label: "The same errors at these tolerances, for contraction rates from 0.5 to 0.99.",
          markup: `<g transform="translate(46,30)">${textAt("minor", 0, -10, "the same as L moves to 1")}`
            + drawErrors(state, [250, 200], [log10(2), 2], [lowest, 3], side, rates, -log10(1 - state.rate)) + "</g>"},
      ],
      grips: [[LEFT + WIDTH * (state.forward + 12) / 11, TOP + HEIGHT]],
      notes: [
        `forward: ${steps} steps of Picard; adjoint: ${products} products with Jᵀ`,
        `C₁ = ${number(constants[0], 2)}, C₂ = ${number(constants[1], 2)}, C₃ = ${number(constants[2], 2)}`,
        `cosine: unrolled ${number(cosines.unrolled, 3)}, Neumann ${number(cosines.neumann, 3)}, JFB ${number(cosines.jfb, 3)}`,
      ],
    };
  },

  drag: (config, state, x) => ({forward: min(max(round(FORWARD[0] + (x - LEFT) / WIDTH * 11), FORWARD[0]), FORWARD[1])}),
});
