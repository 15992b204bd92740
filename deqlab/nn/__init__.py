"""Modules of PyTorch built on the solvers."""
