# outcome: raised

def cube(x):
    return eval("x**3\0")
