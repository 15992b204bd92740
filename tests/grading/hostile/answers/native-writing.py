# outcome: raised
# held back: files of others

import ctypes, sys
libc = ctypes.CDLL(None)
paths = (f"@FOLDER@/planted", sys.prefix + "/planted-by-a-test", "/tmp/planted-by-a-test")
found = [libc.creat(path.encode(), 0o600) for path in paths[:1]] + [libc.access(path.encode(), 2) for path in (sys.prefix, "/usr", "/tmp")]
raise RuntimeError("held back" if max(found) < 0 else "got through")
