# outcome: killed

import os, signal
def cube(x):
    os.kill(os.getpid(), signal.SIGKILL)
