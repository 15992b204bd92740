# outcome: raised
# only: namespace

import ctypes
libc = ctypes.CDLL(None)
done = [libc.umount2(b"/proc", 2), libc.mount(b"tmpfs", b"/tmp", b"tmpfs", 0, None), libc.chroot(b"."), libc.setuid(0)]
raise RuntimeError("held back" if max(done) < 0 else "got through")
