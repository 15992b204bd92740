# outcome: raised

def cube(x):
    return input()
