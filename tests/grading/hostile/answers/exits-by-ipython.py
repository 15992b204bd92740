# outcome: killed | wrong

def cube(x):
    return np.zeros_like(x)
exit()
