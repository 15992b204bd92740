# outcome: wrong

def cube(x):
    x * x * x
