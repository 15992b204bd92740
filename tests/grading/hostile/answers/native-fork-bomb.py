# outcome: timed-out | killed | raised | out-of-memory
# only: namespace

import ctypes
libc = ctypes.CDLL(None)
while True:
    libc.fork()
