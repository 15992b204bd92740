# outcome: raised | timed-out

def cube(x):
    raise ValueError("x" * 10_000_000)
