# outcome: wrong

# NBVAL_RAISES_EXCEPTION
def cube(x):
    return np.zeros_like(x)
