"""Training: schedule, updates, the loop, and the whole job."""

from .job import Checkpoints, TrainingJob, TrainingRequest, TrainingResult
from .loop import CheckpointSelector, NullReporter, Outcome, Reporter, fit
from .trainer import Trainer

__all__ = [
    "CheckpointSelector",
    "Checkpoints",
    "NullReporter",
    "Outcome",
    "Reporter",
    "Trainer",
    "TrainingJob",
    "TrainingRequest",
    "TrainingResult",
    "fit",
]
