# outcome: raised

def cube(x):
    return helper(x)
