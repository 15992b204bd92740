# outcome: raised

import os, signal
def cube(x):
    os.killpg(0, signal.SIGKILL)
