# outcome: raised
# held back: processes of others

import ctypes, os
libc = ctypes.CDLL(None)
found = [libc.open(f"/proc/{os.getppid()}/{name}".encode(), 2) for name in ("mem", "fd/0", "fd/3", "fd/4")]
raise RuntimeError("held back" if max(found) < 0 else "got through")
