# outcome: raised

def cube(x):
    raise ValueError("x" * 10_000_000)
