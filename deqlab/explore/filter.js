// Filters b(z)/a(z) of low order: coefficients, responses, DC gain. Pure functions, as in _filter.py.

const radians = degrees => degrees * PI / 180;

const factors = (kind, real, radius, angle) => kind === "none" ? [1] : kind === "real" ? [1, -real]
  : [1, -2 * radius * Math.cos(radians(angle)), radius * radius];

function respond(b, a, u) {
  const y = [];
  for (let k = 0; k < u.length; k++) {
    y[k] = 0;
    for (let j = 0; j < min(b.length, k + 1); j++) y[k] += b[j] * u[k - j];
    for (let j = 1; j < min(a.length, k + 1); j++) y[k] -= a[j] * y[k - j];
  }
  return y;
}

function valueAt(coefficients, w) {
  let real = 0, imaginary = 0;
  coefficients.forEach((c, k) => {
    real += c * Math.cos(k * w);
    imaginary -= c * Math.sin(k * w);
  });
  return hypot(real, imaginary);
}

function decibels(b, a, w) {
  const below = valueAt(a, w);
  return below < 1e-12 ? 400 : 20 * log10(max(valueAt(b, w) / below, 1e-20));
}

function dcGain(b, a) {
  const [above, below] = [b, a].map(list => list.reduce((total, c) => total + c, 0));
  return abs(below) > 1e-12 ? above / below : Infinity;
}

const spectrumOf = (b, a) => Array.from({length: 181}, (_, k) => decibels(b, a, k * PI / 180));

// |H| in decibels over the frequency, for each [colour, name, style, spectrum].
function drawSpectra(curves, [low, high]) {
  const ticks = [];
  for (let level = ceil(high / 20) * 20; level >= low; level -= 20) if (level <= high) ticks.push([level, number(level, 0)]);
  const {x, y, markup} = plotAxes([0, 0, 262, 110], [0, 180], [low, high], [[0, "0"], [90, "frequency ω"], [180, "π"]], ticks);
  const lines = curves.map(([colour, name, style, spectrum]) => [colour, name, style, spectrum.map((level, k) => [x(k), y(level)])]);
  return `<g transform="translate(46,28)">${markup}${textAt("minor", 0, -10, "|H| in dB")}`
    + lines.map(([, , style, points]) => path(style, line(points))).join("")
    + nameCurves(lines.map(([colour, name, , points]) => [colour, name, points]), lines.flatMap(line => along(line[3])), [262, 110]) + "</g>";
}
