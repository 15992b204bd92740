"""The one training loop: seeds, precision, averaging, checkpoints, logs, several processes.

`run_training` trains any module on any `Objective`; see there for what it promises.
"""

from deqlab.train.checkpoint import CheckpointError
from deqlab.train.loop import TrainResult, run_training
from deqlab.train.objective import Objective, Supervised
from deqlab.train.run import NonFiniteLossError
from deqlab.train.settings import TrainSettings

__all__ = [
    "CheckpointError",
    "NonFiniteLossError",
    "Objective",
    "Supervised",
    "TrainResult",
    "TrainSettings",
    "run_training",
]
