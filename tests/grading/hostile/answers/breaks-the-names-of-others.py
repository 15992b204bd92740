# outcome: raised

def cube(x):
    raise ValueError
del np, emit
sum = len = None
