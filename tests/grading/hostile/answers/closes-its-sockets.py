# outcome: killed | timed-out | raised

import os
def cube(x):
    os.closerange(3, 256)
    return x**3
