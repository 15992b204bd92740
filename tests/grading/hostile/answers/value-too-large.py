# outcome: wrong

def cube(x):
    return np.zeros((2000, 2000))
