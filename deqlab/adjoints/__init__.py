"""How the derivative of a solution is computed: one rule, one file."""
