# outcome: out-of-memory

def cube(x):
    hoard = []
    while True: hoard.append(np.empty(10**6))
