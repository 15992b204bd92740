# outcome: raised
# only: namespace

import os, signal
def cube(x):
    os.kill(-1, signal.SIGKILL)
