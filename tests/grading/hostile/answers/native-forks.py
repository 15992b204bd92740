# outcome: raised | out-of-memory
# held back: number of processes

import ctypes
libc = ctypes.CDLL(None)
libc.signal(17, ctypes.c_void_p(1))
forks = 0
while forks < 200 and (child := libc.fork()) >= 0:
    if not child:
        libc.sleep(5)
        libc._exit(0)
    forks += 1
raise RuntimeError("held back" if forks < 200 else "got through")
