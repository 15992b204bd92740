// Five solvers of z = f(z) in the plane, with the evaluations each has paid: pure, as in _race.py.

const RIDGE = 1e-12, ENOUGH = 1e-14, GOAL = 1e-8, LIMIT = 400, OFFSET = [0.1, -0.05];

const SPECTRA = {
  symmetric: {pair: "real", l1: 1, l2: -0.6, c: 0, turn: 30},
  rotation: {pair: "complex", radius: 1, angle: 75, c: 0, turn: 0},
  nonnormal: {pair: "real", l1: 1, l2: 0.7, c: 2, turn: 20},
  shift: {pair: "real", l1: 0, l2: 0, c: 1, turn: 0},
};

const BABYLONIAN = {
  f([x, y]) {
    const square = x * x + y * y;
    return square ? [(x + y / square) / 2, (y + x / square) / 2] : [Infinity, Infinity];
  },
  jacobian([x, y]) {
    const fourth = (x * x + y * y) ** 2, p = (1 - 2 * x * y / fourth) / 2, q = (y * y - x * x) / fourth / 2;
    return [[p, -q], [q, p]];
  },
  fixed: [-Math.SQRT1_2, Math.SQRT1_2].map(root => ({z: [root, root], kind: "attracting"})),
};

function problem(name, scale) {
  if (name === "babylonian") return BABYLONIAN;
  const W = matrixOf(SPECTRA[name]).map(row => row.map(w => scale * w)), f = z => step("tanh", W, OFFSET, z);
  return {f, jacobian: z => f(z).map((t, i) => W[i].map(w => (1 - t * t) * w)), fixed: fixedPoints("tanh", W, OFFSET)};
}

function run({f}, start, cost, move) {
  const path = [];
  for (let z = start, spent = 1; spent <= LIMIT; spent += cost) {
    const r = minus(f(z), z), residual = hypot(...r);
    if (!Number.isFinite(residual)) break;
    path.push({z, residual, spent});
    if (residual <= ENOUGH || hypot(...z) > FAR) break;
    z = move(z, r);
  }
  return path;
}

function anderson(memory) {
  const residuals = [], images = [];
  return (z, r) => {
    residuals.push(r);
    images.push([z[0] + r[0], z[1] + r[1]]);
    if (residuals.length > memory + 1) [residuals, images].forEach(list => list.shift());
    return mixed(differenceWeights(residuals, RIDGE * spread(residuals)), images);
  };
}

function broyden() {
  let H = [[-1, 0], [0, -1]], last;
  return (z, r) => {
    if (last) {
      const [dx, dy] = minus(z, last[0]), change = minus(r, last[1]), [hx, hy] = times(H, change);
      const row = [0, 1].map(j => dx * H[0][j] + dy * H[1][j]), below = dx * hx + dy * hy;
      const by = [(dx - hx) / below, (dy - hy) / below];
      if (below) H = H.map((h, i) => h.map((entry, j) => entry + by[i] * row[j]));
    }
    last = [z, r];
    return minus(z, times(H, r));
  };
}

const newton = jacobian => (z, r) => {
  const [[a, b], [c, d]] = jacobian(z), determinant = (1 - a) * (1 - d) - b * c;
  return determinant ? [z[0] + ((1 - d) * r[0] + b * r[1]) / determinant, z[1] + (c * r[0] + (1 - a) * r[1]) / determinant]
    : [Infinity, Infinity];
};

function numbersOf({map, scale, x, y, relaxation, memory}) {
  const given = problem(map, scale), from = (cost, move) => run(given, [x, y], cost, move);
  const by = relaxation => (z, r) => z.map((x, i) => x + relaxation * r[i]);
  const paths = {
    picard: from(1, by(1)),
    relaxed: from(1, by(relaxation)),
    anderson: from(1, anderson(memory)),
    broyden: from(1, broyden()),
    newton: from(3, newton(given.jacobian)),
  };
  const runs = Object.entries(paths).map(([name, path]) => {
    const limit = path.length ? given.fixed.reduce((p, q) =>
      distance(q.z, path.at(-1).z) < distance(p.z, path.at(-1).z) ? q : p) : null;
    const paid = path.find(({residual}) => residual <= GOAL)?.spent ?? null;
    return {name, path, limit, paid, errors: path.map(({z}) => distance(z, limit.z))};
  });
  return {fixed: given.fixed, runs};
}
