// The explorable *truncation*, with the geometry of _truncation.py; windows.js and filter.js compute.

const SIZE = 400, LEFT = 50, TOP = 32, WIDTH = 332, HEIGHT = 324;

const STYLES = {
  rectangle: ["rectangle", "red", "orbit"],
  "half-hann": ["half-Hann", "purple", "other"],
  "half-triangular": ["half-triangular", "green", "lower"],
  binomial: ["binomial", "blue", "axis"],
};

const shown = error => error < 1e-12 ? "below 10⁻¹²" : size(error);

function judge(errors, taps) {
  const order = WINDOWS.map(name => [errors[name][taps - 1], STYLES[name][0]]).sort(([p], [q]) => p - q);
  return say("errors", `|z − z*| / |z*| at K = ${taps}: ${order.map(([error, name]) => `${name} ${shown(error)}`).join(", ")}`);
}

function drawErrors({window, taps}, {errors}) {
  const least = min(...WINDOWS.flatMap(name => errors[name]).filter(error => error > 0));
  const low = max(-16, min(-2, floor(log10(least)))), every = ceil(-low / 6);
  const {x, y, markup} = logAxes([0, 0, WIDTH, HEIGHT], [low, 0], every, [1, MOST], "taps K");
  const curves = WINDOWS.map(name => [name, errors[name].map((error, k) => [x(k + 1), y(error)])]);
  const names = nameCurves(curves.map(([name, points]) => [STYLES[name][1], STYLES[name][0], points]),
    curves.flatMap(([, points]) => along(points)), [WIDTH, HEIGHT]);
  return `${textAt("minor", LEFT, 20, "relative error |z − z*| / |z*|")}<g transform="translate(${LEFT},${TOP})">${markup}`
    + path("diagonal dx-dashed", `M${px(x(taps))},0V${HEIGHT}`)
    + curves.map(([name, points]) => path(STYLES[name][2], line(points))).join("")
    + circle("dot", x(taps), y(errors[window][taps - 1]), 5) + names
    + `<rect class="dx-frame" x="0" y="0" width="${WIDTH}" height="${HEIGHT}"/></g>` + circle("grip", LEFT + x(taps), TOP + HEIGHT, 8);
}

function drawTaps({taps}, {h, w, fir}) {
  const {x, y, markup} = plotAxes([0, 0, 254, 120], [0, MOST - 1], [-1, 1], [[0, "0"], [31.5, "k"], [63, "63"]], [[1, "1"], [0, "0"], [-1, "−1"]]);
  const places = list => list.map((value, k) => [x(k), y(value)]), cut = [...places(w), [x(taps - 1), y(0)]];
  return `<g transform="translate(46,28)">${markup}${textAt("minor", 0, -10, "taps wₖ hₖ, with the window wₖ dashed")}`
    + path("diagonal dx-points", dotted(places(h).slice(taps))) + path("other dx-dashed", line(cut))
    + path("axis", fir.map((value, k) => `M${px(x(k))},${px(y(0))}V${px(y(value))}`).join("")) + path("axis dx-points", dotted(places(fir))) + "</g>";
}

explore("truncation", {
  title: "Interactive figure: truncation and windows",

  controls({limits}, {pole, window, angle}) {
    const slider = (name, label, step, more) => ({name, label, min: limits[name][0], max: limits[name][1], step, ...more});
    return [
      {name: "pole", label: "pole", options: [["real", "real"], ["pair", "conjugate pair"]]},
      slider("a", "pole a", 0.01, {hidden: pole !== "real"}),
      slider("radius", "radius", 0.01, {hidden: pole !== "pair"}),
      slider("angle", "angle", 1, {hidden: pole !== "pair", text: `${angle}°`}),
      slider("taps", "taps K", 1),
      {name: "window", label: "window", options: Object.entries(STYLES).map(([key, [name]]) => [key, name])},
      slider("relaxation", "relaxation τ", 0.01),
    ];
  },

  change: (config, state, changes) => ({...state, ...changes}),

  numbers(config, state) {
    const numbers = numbersOf(state);
    return {...numbers, verdict: judge(numbers.errors, state.taps)};
  },

  draw(config, state, numbers) {
    const {errors, gains, iirSpectrum, firSpectrum, verdict} = numbers, {taps} = state, title = STYLES[state.window][0];
    const what = `pole ${state.pole === "real" ? number(state.a, 2) : `${number(state.radius, 2)} e^(± ${state.angle}° i)`}, τ = ${number(state.relaxation, 2)}`;
    const need = name => {
      const k = errors[name].findIndex((_, k) => errors[name].slice(k).every(error => error <= 0.01));
      return `${STYLES[name][0]} ${k < 0 ? "more than 64" : k + 1}`;
    };
    const high = min(max(ceil(max(...iirSpectrum) / 10) * 10, 10), 50), low = max(min(floor(min(...iirSpectrum) / 10 - 1) * 10, high - 30), high - 60);
    const x = LEFT + WIDTH * (taps - 1) / (MOST - 1);
    return {
      pictures: [
        {box: `0 0 ${SIZE} ${SIZE}`, label: `Error of the fixed point against the number of taps, ${what}; ${verdict.text}.`, markup: drawErrors(state, numbers)},
        {box: "0 0 320 178", label: `The first ${taps} terms of the impulse response, under a window: ${title}.`, markup: drawTaps(state, numbers)},
        {box: "0 0 320 168", label: `Frequency responses: at 0 the recursive filter has ${number(iirSpectrum[0], 1)} dB, the truncated one ${number(firSpectrum[0], 1)} dB.`,
          markup: drawSpectra([["minor", "IIR", "diagonal", iirSpectrum], ["blue", `FIR, ${taps} taps`, "curve", firSpectrum]], [low, high])},
      ],
      grips: [[x, TOP + HEIGHT]],
      notes: [
        `1 % from K on: ${WINDOWS.map(need).join(", ")}`,
        `DC gain: IIR ${number(gains[0], 3)}, FIR (${title}) ${number(gains[1], 3)}`,
      ],
    };
  },

  drag: (config, state, x) => ({taps: min(max(round(1 + (x - LEFT) / WIDTH * (MOST - 1)), 1), MOST)}),
});
