# outcome: raised
# held back: files of others

import ctypes
libc = ctypes.CDLL(None)
found = [libc.open(path, 0) for path in (b"@FOLDER@/sol00-toy.ipynb", b"/etc/passwd", b"@REPOSITORY@/solutions")]
raise RuntimeError("held back" if max(found) < 0 else "got through")
