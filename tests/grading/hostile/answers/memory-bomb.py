# outcome: out-of-memory

def cube(x):
    return np.ones(10**10)
