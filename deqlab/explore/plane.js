// Maps z -> φ(W z + b) of the plane: W from its spectrum, all fixed points, orbits.
// Pure functions, as in _plane.py and _search.py.

const FAR = 1e6, APART = 1e-3, BEND = 4 / (3 * Math.sqrt(3));

const {cos, sin, tanh} = Math;
const radians = degrees => degrees * PI / 180;
const distance = (p, q) => hypot(p[0] - q[0], p[1] - q[1]);

function matrixOf({pair, l1, l2, radius, angle, c, turn}) {
  let [p, q, upper, lower] = [l1, l2, c, 0];
  if (pair === "complex") {
    p = q = radius * cos(radians(angle));
    const turning = radius * sin(radians(angle));
    const larger = (abs(c) + hypot(c, 2 * turning)) / 2;
    const smaller = larger ? -(turning ** 2) / larger : 0;
    [upper, lower] = c >= 0 ? [smaller, larger] : [-larger, -smaller];
  }
  const [x, y] = [cos(radians(turn)), sin(radians(turn))];
  const mean = (p + q) / 2, half = (p - q) / 2, sheared = (upper + lower) / 2, twisted = (upper - lower) / 2;
  const main = half * (x * x - y * y) - sheared * 2 * y * x;
  const across = half * 2 * y * x + sheared * (x * x - y * y);
  const clean = w => abs(w) < 1e-12 ? 0 : w;
  return [[clean(mean + main), clean(across + twisted)], [clean(across - twisted), clean(mean - main)]];
}

const radiusOf = ({pair, l1, l2, radius}) => pair === "complex" ? radius : max(abs(l1), abs(l2));

function normOf({pair, l1, l2, radius, c}) {
  const [p, q] = pair === "complex" ? [radius, radius] : [abs(l1), abs(l2)];
  const norm = (hypot(p + q, c) + hypot(p - q, c)) / 2;
  return abs(norm - 1) <= 1e-14 ? 1 : norm;
}

const PHI = {tanh, relu: y => max(y, 0), identity: y => y};

const step = (activation, W, b, z) => W.map(([p, q], i) => PHI[activation](p * z[0] + q * z[1] + b[i]));

function moduli([[w11, w12], [w21, w22]], [d, e]) {
  const mean = (d * w11 + e * w22) / 2;
  const square = (d * w11 - e * w22) ** 2 / 4 + d * e * w12 * w21;
  if (square < 0) return Array(2).fill(Math.sqrt(d * e * (w11 * w22 - w12 * w21)));
  const root = Math.sqrt(square);
  return [abs(mean) + root, abs(abs(mean) - root)];
}

function fixedPoints(activation, W, b) {
  const points = activation === "tanh" ? ofTanh(W, b).map(z => [z, z.map(t => 1 - t * t)])
    : ofPieces(activation, W, b);
  points.sort(([[p, q]], [[r, s]]) => p - r || q - s);
  return points.map(([z, slopes]) => {
    const [larger, smaller] = moduli(W, slopes);
    const kind = min(abs(larger - 1), abs(smaller - 1)) <= 1e-5 ? "marginal"
      : larger < 1 ? "attracting" : smaller < 1 ? "saddle" : "repelling";
    return {z, moduli: [larger, smaller], kind};
  });
}

function ofPieces(activation, W, b) {
  const found = [];
  for (const [d, e] of activation === "identity" ? [[1, 1]] : [[0, 0], [0, 1], [1, 0], [1, 1]]) {
    const m11 = 1 - d * W[0][0], m12 = -d * W[0][1], m21 = -e * W[1][0], m22 = 1 - e * W[1][1];
    const determinant = m11 * m22 - m12 * m21;
    if (abs(determinant) < 1e-12) continue;
    const z = [(m22 * d * b[0] - m12 * e * b[1]) / determinant + 0, (m11 * e * b[1] - m21 * d * b[0]) / determinant + 0];
    if (distance(step(activation, W, b, z), z) <= 1e-9 && found.every(([other]) => distance(z, other) > 1e-9))
      found.push([z, [d, e]]);
  }
  return found;
}

function ofTanh([[w11, w12], [w21, w22]], b) {
  if (abs(w12) < abs(w21)) return ofTanh([[w22, w21], [w12, w11]], [b[1], b[0]]).map(([y, z]) => [z, y]);
  if (w21 === 0) return ofScalarTanh(w22, b[1]).flatMap(y => ofScalarTanh(w11, w12 * y + b[0]).map(z => [z, y]));
  const second = u => (u - w11 * tanh(u) - b[0]) / w12;
  const gap = (u, r) => {
    const t = tanh(u), z = second(u), slope = (1 - w11 * (1 - t * t)) / w12;
    const y = w21 * t + w22 * z + b[1], steep = w21 * (1 - t * t) + w22 * slope;
    const bend = BEND * (abs(w21) + abs(w22 * w11 / w12));
    const curvature = BEND * abs(w11 / w12) + BEND * (abs(steep) + bend * r) ** 2 + bend;
    const image = tanh(y);
    return [z - image, slope - (1 - image * image) * steep, curvature];
  };
  const apart = APART * min(1, abs(w12) / (1 + abs(w11)));
  return zerosOf(gap, abs(w11) + abs(w12) + abs(b[0]) + 1, apart).map(u => [tanh(u), second(u)]);
}

function ofScalarTanh(w, b) {
  const gap = u => {
    const t = tanh(u);
    return [u - w * t - b, 1 - w * (1 - t * t), BEND * abs(w)];
  };
  return zerosOf(gap, abs(w) + abs(b) + 1, APART).map(tanh);
}

function zerosOf(g, reach, apart) {
  let found = [];
  const clusters = [], intervals = [[-reach, reach]], value = u => g(u, 0)[0];
  const changes = (left, right) => value(left) > 0 !== value(right) > 0;
  while (intervals.length) {
    const [left, right] = intervals.pop(), middle = (left + right) / 2, r = (right - left) / 2;
    const [height, slope, curvature] = g(middle, r);
    if (abs(height) > (abs(slope) + curvature * r / 2) * r) continue;
    if (abs(slope) > curvature * r) {
      if (changes(left, right)) found.push(bisect(value, left, right));
    } else if (r > apart / 64) intervals.push([middle, right], [left, middle]);
    else if (clusters.length && left - clusters.at(-1)[1] < apart) clusters.at(-1)[1] = right;
    else clusters.push([left, right]);
  }
  for (const [left, right] of clusters) {
    const middle = (left + right) / 2, [height, , curvature] = g(middle, apart / 64);
    const far = found.filter(u => u <= left - apart || u >= right + apart);
    if (changes(left, right)) found = [...far, bisect(value, left, right)];
    else if (far.length === found.length && abs(height) <= curvature * (apart / 64) ** 2) found.push(middle);
  }
  return found.map(u => u + 0).sort((p, q) => p - q);
}

function bisect(value, left, right) {
  const rising = value(right) > 0;
  for (let k = 0; k < 60; k++) {
    const middle = (left + right) / 2, height = value(middle);
    if (height === 0) return middle;
    if (height > 0 === rising) right = middle;
    else left = middle;
  }
  return (left + right) / 2;
}

function orbit(activation, W, b, start, steps) {
  const points = [start];
  while (points.length <= steps && hypot(...points.at(-1)) <= FAR) points.push(step(activation, W, b, points.at(-1)));
  return points;
}

const place = z => `(${number(z[0], 2)}, ${number(z[1], 2)})`;
