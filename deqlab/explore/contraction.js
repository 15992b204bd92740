// The contraction f(z) = z* + λ (z − z*) of the complex plane, iterated in a chosen precision.
// Pure functions, as in _contraction.py, and with the same results to the last bit.

const FIXED = [1325618087 / 2 ** 30, -781273349 / 2 ** 30], DIRECTION = [0.6, 0.8];
const HORIZON = 5000, U64 = 2 ** -53;

function toBfloat16(x) {
  if (x === 0) return 0;
  const unit = 2 ** (floor(Math.log2(abs(x))) - 7), even = 1.5 * 2 ** 52;
  return (x / unit + even - even) * unit;
}

const PRECISIONS = {
  exact: [0, x => x],
  float64: [0, x => x],
  float32: [2 ** -24, Math.fround],
  bfloat16: [2 ** -8, toBfloat16],
};

const down = x => Math.sign(x) * floor(abs(x) * 2 ** 20 + 1e-6) / 2 ** 20 + 0;

function iterate(lipschitz, angle, distance, precision) {
  const L = down(lipschitz), turn = angle * PI / 180;
  const real = down(L * Math.cos(turn)), imaginary = down(L * Math.sin(turn)), ratio = hypot(1 - real, imaginary);
  const [roundoff, rounded] = PRECISIONS[precision], run = {L, eigenvalue: [real, imaginary], ratio, errors: [], residuals: [], etas: []};
  if (precision === "exact") {
    for (let k = 0; k <= HORIZON; k++) {
      run.errors.push(distance * hypot(real, imaginary) ** k);
      run.residuals.push(ratio * run.errors[k]);
      run.etas.push(0);
    }
    return {...run, floor: 0};
  }
  const [p, q] = FIXED, b = p - (real * p - imaginary * q), c = q - (real * q + imaginary * p);
  let [x, y] = FIXED.map((z, i) => rounded(z + distance * DIRECTION[i]));
  for (let k = 0; k <= HORIZON; k++) {
    const u = rounded(real * x - imaginary * y + b), v = rounded(real * y + imaginary * x + c), image = hypot(u, v);
    run.errors.push(hypot(x - p, y - q));
    run.residuals.push(hypot(u - x, v - y));
    run.etas.push(3 * U64 * (L * hypot(x, y) + image) + roundoff * image);
    [x, y] = [u, v];
  }
  const size = hypot(p, q);
  return {...run, floor: (3 * U64 * (L * size + size) + roundoff * size) / (1 - L)};
}

function boundsOf({L, residuals, etas}, rounding) {
  const prior = [], posterior = [], lower = [];
  let largest = 0;
  residuals.forEach((residual, k) => {
    const eta = rounding ? etas[k] : 0;
    largest = max(largest, eta);
    prior.push((L ** k * residuals[0] + largest) / (1 - L));
    posterior.push((residual + eta) / (1 - L));
    lower.push(max(residual - eta, 0) / (1 + L));
  });
  return {prior, posterior, lower};
}

function countSteps({errors}, {prior, posterior}, tol) {
  const first = values => {
    const k = values.findIndex(value => value <= tol);
    return k < 0 ? null : k;
  };
  return {promised: first(prior), reached: first(errors), certified: first(posterior)};
}

function judge({errors, floor}, {promised, reached, certified}, exponent) {
  const goal = `|eₖ| ≤ ${power(exponent)}`;
  for (const [name, k] of [["certified", certified], ["promised", promised]]) {
    if (k === null || errors[k] <= 10 ** exponent * (1 + 1e-9)) continue;
    const ratio = errors[k] / 10 ** exponent, error = ratio < 1.05 ? `${besideOne(ratio)} × ${power(exponent)}` : size(errors[k]);
    const text = `${name} at step ${k}, but false: there |eₖ| = ${error}`;
    return say("broken", `${goal} is ${text}, as the bound leaves rounding out`);
  }
  const least = `the rounding floor is ${size(floor)}`;
  if (reached === null) return say("floor", `${goal} is never reached: ${least}`);
  if (certified === null) return say("floor", `${goal} is reached at step ${reached}, never certified: ${least}`);
  const promise = promised === null ? "never promised" : `promised at step ${promised}`;
  return say("reached", `${goal} is ${promise}, reached at ${reached}, certified at ${certified}`);
}

function numbersOf(state) {
  const run = iterate(state.L, state.angle, 10 ** state.distance, state.precision);
  const bounds = boundsOf(run, state.bounds === "rounding"), counts = countSteps(run, bounds, 10 ** state.tol);
  return {...run, ...bounds, counts, verdict: judge(run, counts, state.tol)};
}
