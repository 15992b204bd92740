# outcome: raised
# held back: processes of others

import ctypes
libc = ctypes.CDLL(None)
raise RuntimeError("held back" if libc.kill(@PID@, 0) else "got through")
