"""Solvers of (I − M) x = b from products with M: one algorithm, one file."""
