// Vectors and matrices as arrays; sums from the left, as in Python.

const dot = (p, q) => p.reduce((total, x, i) => total + x * q[i], 0);

const norm = p => Math.sqrt(dot(p, p));

const minus = (p, q) => p.map((x, i) => x - q[i]);

const times = (A, z) => A.map(row => dot(row, z));
