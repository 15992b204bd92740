# outcome: out-of-memory | timed-out
# only: namespace

import ctypes, time
libc = ctypes.CDLL(None)
for _ in range(2):
    libc.fork()
hoard = np.ones(500_000_000 // 8)
time.sleep(100.0)
