# outcome: raised

def cube(x
