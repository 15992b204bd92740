# outcome: wrong

def cube(x):
    nest = []
    nest.append(nest)
    return nest
