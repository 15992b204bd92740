"""Solvers of z = f(z), driven by the one loop: one algorithm, one file."""
