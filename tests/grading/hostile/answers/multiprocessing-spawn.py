# outcome: raised

import multiprocessing.util, os, sys
multiprocessing.util.spawnv_passfds(sys.executable.encode(), [b"python", b"-c", b"pass"], ())
