# outcome: killed

import ctypes
def cube(x):
    ctypes.string_at(0)
