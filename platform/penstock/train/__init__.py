"""What training code imports: `run = penstock.train.current()`."""

from penstock.train.errors import OutputError, TrainError
from penstock.train.run import Run, current

__all__ = ["OutputError", "Run", "TrainError", "current"]
