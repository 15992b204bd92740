// The K-step iteration as a truncated impulse response, and averages as windows of it: pure
// functions, as in _windows.py.

const MOST = 64;

const WINDOWS = ["rectangle", "half-hann", "half-triangular", "binomial"];

function windowOf(name, taps, tau) {
  const each = f => Array.from({length: taps}, (_, k) => f(k));
  if (name === "half-hann") return each(k => (1 + Math.cos(PI * k / taps)) / 2);
  if (name === "half-triangular") return each(k => (taps - k) / taps);
  if (name === "rectangle" || tau === 1) return each(() => 1);
  let mass = (1 - tau) ** taps, rest = 1 - mass;
  return each(k => {
    const survival = rest;
    mass *= (taps - k) / (k + 1) * tau / (1 - tau);
    rest = max(rest - mass, 0);
    return survival;
  });
}

function errorOf(name, taps, radius, angle, tau) {
  const turn = radians(angle);
  if (name === "binomial") return hypot(1 - tau + tau * radius * Math.cos(turn), tau * radius * Math.sin(turn)) ** taps;
  const w = [1, ...windowOf(name, taps, tau), 0];
  let real = 0, imaginary = 0;
  for (let j = 0; j <= taps; j++) {
    const size = (w[j] - w[j + 1]) * radius ** j;
    real += size * Math.cos(j * turn);
    imaginary += size * Math.sin(j * turn);
  }
  return hypot(real, imaginary);
}

function numbersOf({pole, a, radius, angle, window, taps, relaxation: tau}) {
  const [r, turn] = pole === "real" ? [abs(a), a < 0 ? 180 : 0] : [radius, angle];
  const h = Array.from({length: MOST}, (_, k) => r ** k * Math.cos(k * radians(turn))), w = windowOf(window, taps, tau);
  const errors = Object.fromEntries(WINDOWS.map(name => [name, h.map((_, k) => errorOf(name, k + 1, r, turn, tau))]));
  const b = pole === "real" ? [1] : [1, -r * Math.cos(radians(turn))], below = factors(pole, a, radius, angle);
  const fir = w.map((weight, k) => weight * h[k]);
  return {h, w, fir, errors, gains: [dcGain(b, below), dcGain(fir, [1])], iirSpectrum: spectrumOf(b, below), firSpectrum: spectrumOf(fir, [1])};
}
