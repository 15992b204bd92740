// Plain iteration and Anderson's method with three ridges, in dimension 32: pure, as in _ridge.py.

const D = 32, ENOUGH = 1e-13, METHODS = ["plain", "bordered", "absolute", "relative"];

const EIGENVALUES = Array.from({length: D}, (_, j) => 0.99 * (2 * j - 31) / 31);

const OFFSET = Array.from({length: D}, (_, j) => ((11 * j + 5) % 32 - 15.5) / 800);

function hadamard(z) {
  const turned = [...z];
  for (let half = 1; half < D; half *= 2)
    for (let start = 0; start < D; start += 2 * half)
      for (let k = start; k < start + half; k++)
        [turned[k], turned[k + half]] = [turned[k] + turned[k + half], turned[k] - turned[k + half]];
  return turned;
}

function imageOf(name, scale, z) {
  const turned = hadamard(z).map((y, j) => EIGENVALUES[j] * y);
  return hadamard(turned).map((x, j) => x / D / scale + OFFSET[j]).map(x => scale * (name === "tanh" ? Math.tanh(x) : x));
}

function weightsOf(method, residuals, ridge) {
  if (method === "plain") return [1];
  if (method === "bordered") return borderedWeights(residuals, ridge);
  return differenceWeights(residuals, ridge * (method === "relative" ? spread(residuals) : 1));
}

function run(name, method, {scale, memory, ridge, evaluations}) {
  const found = {residuals: [], weights: []};
  let z = Array(D).fill(0), images = [], residuals = [], first = 0;
  for (let k = 0; k < evaluations; k++) {
    const image = imageOf(name, scale, z), r = minus(image, z), length = norm(r);
    first ||= length;
    if (!Number.isFinite(length)) break;
    images = [...images, image].slice(-memory - 1);
    residuals = [...residuals, r].slice(-memory - 1);
    const weights = weightsOf(method, residuals, ridge);
    found.residuals.push(length / first);
    found.weights.push(weights);
    if (length <= ENOUGH * first) break;
    z = mixed(weights, images.slice(-weights.length));
  }
  return found;
}

function numbersOf({map, memory, ridge, scale, evaluations}) {
  const settings = {memory, evaluations, scale: 10 ** scale, ridge: 10 ** ridge};
  return Object.fromEntries(METHODS.map(method => [method, run(map, method, settings)]));
}
