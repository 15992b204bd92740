# outcome: wrong

print("y" * 50_000_000)
def cube(x):
    return np.zeros_like(x)
