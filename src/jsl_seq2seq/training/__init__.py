"""Training: schedule, updates, the loop, and the whole job."""

from .job import Checkpoints, TrainingJob, TrainingRequest, TrainingResult
from .loop import CheckpointSelector, Outcome, Reporter, Reporters, Run, fit
from .trainer import Trainer

__all__ = [
    "CheckpointSelector",
    "Checkpoints",
    "Outcome",
    "Reporter",
    "Reporters",
    "Run",
    "Trainer",
    "TrainingJob",
    "TrainingRequest",
    "TrainingResult",
    "fit",
]
