# outcome: raised

import os
[os.fork() for _ in range(9)]
def cube(x):
    return np.zeros_like(x)
