// Anderson's mixing with a ridge, in two forms: pure functions, as in _anderson.py, the same floats.

const differences = residuals => residuals.slice(1).map((r, j) => minus(r, residuals[j]));

// The upper triangle T, by columns, with TᵀT = CᵀC + ridge I.
function factor(columns, ridge) {
  const root = Math.sqrt(ridge), basis = [];
  return columns.map((column, k) => {
    const rest = [...column, ...columns.map((_, j) => j === k ? root : 0)], size = rest.length;
    const entries = basis.map(q => {
      const entry = dot(q, rest);
      for (let i = 0; i < size; i++) rest[i] -= entry * q[i];
      return entry;
    });
    const length = norm(rest);
    basis.push(length ? rest.map(x => x / length) : rest);
    return [...entries, length];
  });
}

function backward(triangle, right) {
  const x = [...right];
  for (let k = x.length - 1; k >= 0; k--) {
    x[k] = triangle[k][k] ? x[k] / triangle[k][k] : 0;
    for (let j = 0; j < k; j++) x[j] -= triangle[k][j] * x[k];
  }
  return x;
}

function differenceWeights(residuals, ridge) {
  const changes = differences(residuals), count = changes.length;
  const triangle = factor([...changes, residuals[count]], ridge);
  const gamma = backward(triangle.slice(0, count), triangle[count].slice(0, count));
  return residuals.map((_, j) => (j < count ? gamma[j] : 1) - (j ? gamma[j - 1] : 0));
}

function borderedWeights(residuals, ridge) {
  const triangle = factor(residuals, ridge), y = [];
  triangle.forEach((column, k) => y.push(column[k] ? (1 - dot(y, column)) / column[k] : 0));
  const u = backward(triangle, y), total = dot(u, u.map(() => 1));
  return u.map((x, j) => total ? x / total : Number(j === u.length - 1));
}

const spread = residuals => differences(residuals).reduce((total, d) => total + dot(d, d), 0);

function mixed(weights, images) {
  const last = images.at(-1);
  return images.slice(0, -1).reduce((result, image, j) =>
    result.map((x, i) => x + weights[j] * (image[i] - last[i])), last);
}
