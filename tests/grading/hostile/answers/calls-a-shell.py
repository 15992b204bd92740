# outcome: raised

!true
def cube(x):
    return np.zeros_like(x)
