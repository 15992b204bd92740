# outcome: raised
# held back: network

import ctypes, struct
libc = ctypes.CDLL(None, use_errno=True)
address = struct.pack("=HH4s8x", 2, int.from_bytes(struct.pack(">H", @PORT@), "little"), bytes([127, 0, 0, 1]))
done = libc.connect(libc.socket(2, 1, 0), address, len(address))
raise RuntimeError("held back" if done else "got through")
