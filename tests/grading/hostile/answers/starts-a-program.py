# outcome: raised

import subprocess
subprocess.run(['true'])
def cube(x):
    return np.zeros_like(x)
