// Vectors and matrices as arrays; sums from the left, as in Python.

function dot(p, q) {
  let total = 0;
  for (let i = 0; i < p.length; i++) total += p[i] * q[i];
  return total;
}

const norm = p => Math.sqrt(dot(p, p));

const minus = (p, q) => p.map((x, i) => x - q[i]);

const times = (A, z) => A.map(row => dot(row, z));
