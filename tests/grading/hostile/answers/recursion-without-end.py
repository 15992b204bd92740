# outcome: raised

def cube(x):
    return cube(x)
