# outcome: tampered
# sample: yes

def cube(x):
    emit(f"n = {len(x)}", np.zeros(len(x)))
    return np.ones(len(x))
