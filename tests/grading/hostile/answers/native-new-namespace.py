# outcome: raised
# only: namespace

import ctypes
libc = ctypes.CDLL(None)
raise RuntimeError("got through" if not libc.unshare(0x10000000) else "held back")
