# outcome: wrong

def cube(x):
    return np.zeros_like(x)
for n in (3, 4, 5):
    emit(f'n = {n}', np.zeros(n))
