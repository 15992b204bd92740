// The fixed point of z = tanh(c W z + b) as c grows, and its eigenvalues: pure, as in _exits.py.

const MARKS = 100, LAST = 2, STEPS = 60, START = [0.5, -0.3];

const weightsOf = ({exit, angle}) => matrixOf(exit === "pair" ? {pair: "complex", radius: 1, angle, c: 0, turn: 0}
  : {pair: "real", l1: Number(exit), l2: 0.3 * Number(exit), c: 0, turn: 30});

const jacobianOf = (A, image) => A.map((row, i) => row.map(w => (1 - image[i] ** 2) * w));

const identityMinus = ([[a, b], [c, d]]) => [[1 - a, -b], [-c, 1 - d]];

function placeOf(A, z) {
  const J = jacobianOf(A, z), [[a, b], [c, d]] = J, mean = (a + d) / 2, square = (a - d) ** 2 / 4 + b * c;
  const root = Math.sqrt(abs(square)), sign = mean < 0 ? -1 : 1;
  const eigenvalues = square < 0 ? [[mean, root], [mean, -root]] : [[mean + sign * root, 0], [mean - sign * root, 0]];
  const [[p, q], [s, t]] = identityMinus(J), determinant = p * t - q * s;
  let gradient = Infinity;
  if (abs(determinant) > 1e-12) {
    const [e, f] = z.map(x => 1 - x * x), [k, m, n, o] = [t * e, -q * f, -s * e, p * f];
    gradient = (hypot(k + o, n - m) + hypot(k - o, n + m)) / 2 / abs(determinant);
  }
  return {z, J, eigenvalues, gradient, radius: hypot(...eigenvalues[0])};
}

function branchOf(W, b) {
  const found = [];
  let z = b.map(tanh);
  for (let k = 0; k <= LAST * MARKS; k++) {
    const A = W.map(row => row.map(w => k / MARKS * w));
    for (let round = 0; round < 30; round++) {
      const image = step("tanh", A, b, z), r = [image[0] - z[0], image[1] - z[1]];
      if (hypot(...r) <= 1e-15) break;
      const [[p, q], [s, t]] = identityMinus(jacobianOf(A, image)), determinant = p * t - q * s;
      if (!determinant) break;
      z = [z[0] + (t * r[0] - q * r[1]) / determinant, z[1] + (p * r[1] - s * r[0]) / determinant];
    }
    found.push(placeOf(A, z));
  }
  return found;
}

function errorsOf(A, b, limit, tau) {
  const found = [];
  for (let z = START, k = 0; k <= STEPS; k++) {
    found.push(distance(z, limit));
    const image = step("tanh", A, b, z);
    z = z.map((x, i) => x + tau * (image[i] - x));
  }
  return found;
}

function numbersOf(state) {
  const {scale, offset, relaxation: tau} = state, W = weightsOf(state), b = [offset, offset / 2], branch = branchOf(W, b);
  const here = branch[round(scale * MARKS)], A = W.map(row => row.map(w => scale * w));
  return {
    ...here, branch, relaxed: max(...here.eigenvalues.map(([x, y]) => hypot(1 - tau + tau * x, tau * y))),
    fixed: fixedPoints("tanh", A, b), picard: errorsOf(A, b, here.z, 1), slower: errorsOf(A, b, here.z, tau),
  };
}
