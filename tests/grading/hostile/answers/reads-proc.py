# outcome: raised

import os
def cube(x):
    with open(f"/proc/{os.getpid()}/environ") as file:
        return file.read()
