// Gradients through z = tanh(W z + b) in dimension 8, exact and cheap: pure, as in _gradient.py.

const D = 8, BETA = 4 / (3 * Math.sqrt(3)), MOST = 10000, FINEST = 1e-12;

const indices = Array.from({length: D}, (_, j) => j);

const parity = k => k ? (k & 1) ^ parity(k >> 1) : 0;

const FIXED = indices.map(j => ((3 * j + 1) % 8 - 3.5) / 35), TARGET = indices.map(j => ((5 * j + 2) % 8 - 3.5) / 3.5);

// Gaussian elimination with partial pivoting.
function solve(A, b) {
  const rows = A.map((row, i) => [...row, b[i]]);
  rows.forEach((_, k) => {
    let pivot = k;
    for (let i = k; i < D; i++) if (abs(rows[i][k]) > abs(rows[pivot][k])) pivot = i;
    [rows[k], rows[pivot]] = [rows[pivot], rows[k]];
    for (let i = 0; i < D; i++)
      if (i !== k) rows[i] = rows[i].map((x, j) => x - rows[k][j] * (rows[i][k] / rows[k][k]));
  });
  return rows.map((row, k) => row[D] / row[k]);
}

const entrywise = (p, q) => p.map((x, i) => x * q[i]);

function layer(L) {
  const W = indices.map(i => indices.map(j => indices.reduce((sum, k) =>
    sum + (-1) ** (parity(i & k) + parity(k & j)) * L * (2 * k - 7) / 7 / D, 0)));
  const slopes = FIXED.map(z => 1 - z * z), v = minus(FIXED, TARGET);
  const w = solve(W.map((row, i) => row.map((entry, j) => Number(i === j) - entry * slopes[j])), v);
  const gradient = entrywise(slopes, w), length = norm(gradient), b = minus(FIXED.map(Math.atanh), times(W, FIXED));
  const f = z => times(W, z).map((y, i) => Math.tanh(y + b[i]));
  const constants = [1, 1 + BETA * L * norm(v), BETA * L ** 2 * norm(v)];
  return {
    W, f, constants,
    bound: (r, s) => (s / (1 - L) + constants[1] * r / (1 - L) ** 2 + constants[2] * r / (1 - L) ** 3) / length,
    error: other => norm(minus(other, gradient)) / length,
    cosine: other => dot(other, gradient) / norm(other) / length,
  };
}

// Picard's states from 0 and their residuals.
function states({f}, tol) {
  const visited = [];
  for (let z = Array(D).fill(0), k = 0; k < MOST; k++) {
    const image = f(z), residual = norm(minus(image, z));
    visited.push({z, residual});
    if (residual <= tol) break;
    z = image;
  }
  return visited;
}

const slopesAt = ({f}, z) => f(z).map(t => 1 - t * t);

const adjointStep = ({W}, slopes, v, w) => times(W, entrywise(slopes, w)).map((y, i) => y + v[i]);

function implicit(given, z, tol) {
  const slopes = slopesAt(given, z), v = minus(z, TARGET);
  let w = Array(D).fill(0), image = v, products = 0;
  for (; norm(minus(image, w)) > tol && products < MOST; products++) {
    w = image;
    image = adjointStep(given, slopes, v, w);
  }
  return [entrywise(slopes, w), products];
}

function neumann(given, z, terms) {
  const slopes = slopesAt(given, z), v = minus(z, TARGET);
  let w = Array(D).fill(0);
  for (let k = 0; k < terms; k++) w = adjointStep(given, slopes, v, w);
  return entrywise(slopes, w);
}

function unrolled({W, f}, count) {
  const visited = [Array(D).fill(0)];
  for (let k = 0; k < count; k++) visited.push(f(visited[k]));
  let adjoint = minus(visited[count], TARGET), gradient = Array(D).fill(0);
  for (let k = count; k > 0; k--) {
    const local = visited[k].map((z, i) => (1 - z * z) * adjoint[i]);
    gradient = gradient.map((g, i) => g + local[i]);
    adjoint = times(W, local);
  }
  return gradient;
}

function errorsAt(given, z, r, s, terms, count) {
  const [gradient, products] = implicit(given, z, s), cheap = {
    neumann: neumann(given, z, terms), jfb: neumann(given, z, 1), unrolled: unrolled(given, count),
  };
  const entries = Object.entries(cheap), each = measure => Object.fromEntries(entries.map(([name, g]) => [name, measure(g)]));
  return {products, errors: {bound: given.bound(r, s), implicit: given.error(gradient), ...each(given.error)}, cosines: each(given.cosine)};
}

const reached = (visited, tol) => visited.find(({residual}) => residual <= tol) ?? visited.at(-1);

function numbersOf({rate, forward, adjoint, terms, unrolled: count}) {
  const r = 10 ** forward, s = 10 ** adjoint, at = (given, visited, r) => errorsAt(given, reached(visited, r).z, r, s, terms, count);
  const given = layer(rate), visited = states(given, FINEST), sweep = [], rates = [];
  for (let half = -24; half <= -2; half++) sweep.push([half / 2, at(given, visited, 10 ** (half / 2)).errors]);
  for (let k = 0; k <= 16; k++) {
    const gap = 0.5 * 0.02 ** (k / 16), other = layer(1 - gap);
    rates.push([-log10(gap), at(other, states(other, r), r).errors]);
  }
  return {...at(given, visited, r), constants: given.constants, steps: visited.indexOf(reached(visited, r)), sweep, rates};
}
