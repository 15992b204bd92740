# outcome: raised
# left behind: yes

import ctypes
libc = ctypes.CDLL(None)
if not libc.fork():
    libc.setsid()
    libc.sleep(30)
    libc._exit(0)
raise RuntimeError("done")
