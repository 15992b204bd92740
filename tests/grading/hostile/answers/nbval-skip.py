# outcome: wrong
# sample: yes

# NBVAL_SKIP
def cube(x):
    return np.zeros_like(x)
