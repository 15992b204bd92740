// What the figures share: numbers as text, labels that find room, marks. As in _drawing.py.

const {abs, min, max, hypot, log10, floor, ceil, round, PI} = Math;

const power = k => "10" + String(k).replace(/./g, c => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(c)]);

function size(z) {
  if (z === 0 || !Number.isFinite(z)) return z === 0 ? "0" : "∞";
  if (0.01 <= z && z < 1000) return z.toFixed(3);
  const [mantissa, exponent] = z.toExponential(1).split("e");
  return `${mantissa} × ${power(Number(exponent))}`;
}

function number(z, digits = 4) {
  if (abs(z) >= 1e5) return (z < 0 ? "−" : "") + size(abs(z));
  const text = z.toFixed(digits);
  return withMinus(Number(text) ? text : text.replace("-", ""));
}

function besideOne(z) {
  let digits = 2;
  while (digits < 8 && z !== 1 && Number(z.toFixed(digits)) === 1) digits++;
  return number(z, digits);
}

const say = (kind, text) => ({kind, text});

const px = length => length.toFixed(1);

const textAt = (colour, x, y, text, anchor = "start") =>
  `<text class="dx-halo dx-${colour}" x="${px(x)}" y="${px(y)}" text-anchor="${anchor}">${text}</text>`;

const circle = (name, x, y, r) => `<circle class="dx-${name}" cx="${px(x)}" cy="${px(y)}" r="${r}"/>`;

const disc = (kind, x, y) => circle(kind, x, y, 6) + (kind === "marginal" ? circle("core", x, y, 2) : "");

const path = (name, d) => `<path class="dx-${name}" d="${d}"/>`;

const line = points => "M" + points.map(([x, y]) => `${px(x)},${px(y)}`).join("L");

const dotted = points => points.map(point => line([point]) + "h0").join("");

function axes([low, high], tick, left, top, side) {
  let grid = "", ticks = "";
  for (let k = ceil(low / tick); k <= floor(high / tick); k++) {
    const text = number(k * tick, tick % 1 ? 1 : 0), x = (k * tick - low) / (high - low) * side;
    grid += `M${px(x)},0V${side}M0,${px(side - x)}H${side}`;
    ticks += textAt("minor", left + x, top + side + 20, text, "middle");
    ticks += textAt("minor", left - 8, top + side - x + 5, text, "end");
  }
  return [grid, ticks];
}

// A plot in [left, top, width, height]: where values have their place, which ends at its edges, and
// the markup of its axes, with ticks [value, text].
function plotAxes([left, top, width, height], [start, end], [low, high], xTicks, yTicks) {
  const part = (v, a, b) => (min(max(v, a), b) - a) / (b - a || 1);
  const x = v => left + width * part(v, start, end), y = v => top + height * (1 - part(v, low, high));
  let grid = "", labels = "";
  for (const [v, text] of yTicks) {
    grid += `M${left},${px(y(v))}h${width}`;
    labels += textAt("minor", left - 8, y(v) + 5, text, "end");
  }
  for (const [v, text] of xTicks) labels += textAt("minor", x(v), top + height + 20, text, "middle");
  return {x, y, markup: path("grid", grid) + labels};
}

function powersOfTen([low, high], every) {
  const ticks = [];
  for (let k = floor(high / every) * every; k >= low; k -= every) ticks.push([k, power(k)]);
  return ticks;
}

// A logarithmic plot against k = first, ..., last.
function logAxes(plot, [low, high], every, [first, last], name = "k") {
  const below = [[first, first], [last, last], [(first + last) / 2, name]];
  const {x, y, markup} = plotAxes(plot, [first, last], [low, high], below, powersOfTen([low, high], every));
  return {x, y: r => y(r > 0 ? log10(r) : low), markup};
}

function along(corners) {
  const points = [];
  for (let k = 0; k + 1 < corners.length; k++) {
    const [[x, y], [nextX, nextY]] = [corners[k], corners[k + 1]];
    const pieces = floor(max(abs(nextX - x), abs(nextY - y)) / 4) + 1;
    for (let j = 0; j < pieces; j++)
      points.push([x + (nextX - x) * j / pieces, y + (nextY - y) * j / pieces]);
  }
  return points;
}

const DIRECTIONS = [[1, 0], [-1, 0], [1, 1], [-1, -1], [1, -1], [-1, 1], [0, -1], [0, 1]];

const around = (x, y, width) => [12, 24, 40].flatMap(gap => DIRECTIONS.map(([across, down]) =>
  [x + across * gap - width * (1 - across) / 2, y + 5 + down * (gap + 7)]));

function label(colour, text, taken, spots, [right, bottom]) {
  const width = 8 * text.length;
  let best, least = Infinity;
  spots.forEach(([x, y], k) => {
    const inside = 4 <= x && x <= right - 4 - width && 18 <= y && y <= bottom - 8;
    let crowd = inside ? k / 4 : k / 4 + 1000;
    for (const [p, q] of taken) if (x - 3 < p && p < x + width + 3 && y - 14 < q && q < y + 6) crowd++;
    if (crowd < least) [best, least] = [[x, y], crowd];
  });
  const [x, y] = best;
  for (let k = 0; k <= text.length + 1; k++)
    for (let j = 0; j < 5; j++) taken.push([x + 8 * k, y + 2], [x + 8 * k, y - 10]);
  return textAt(colour, x, y, text);
}

// A name for every curve [colour, name, points], beside one of its points.
function nameCurves(curves, taken, frame) {
  const beside = ([x, y], width) =>
    [[x + 8, y - 6], [x - width - 6, y + 16], [x - width / 2, y - 8], [x - width / 2, y + 18]];
  return curves.filter(([, , points]) => points.length).map(([colour, name, points]) => {
    const spots = [];
    for (let k = 1; k < 20; k++) spots.push(...beside(points[floor((points.length - 1) * k / 20)], 8 * name.length));
    return label(colour, name, taken, spots, frame);
  }).join("");
}

const DISC = {attracting: "●", repelling: "○", saddle: "○", marginal: "◉"};
