"""Tasks whose data is generated, not downloaded; every random choice comes from a `generator`."""

from deqlab.tasks.associations import random_associations
from deqlab.tasks.bits import binary_digits
from deqlab.tasks.parity import running_parity

__all__ = ["binary_digits", "random_associations", "running_parity"]
