"""Training: schedule, updates, the loop, and the whole job."""

from .job import Checkpoints, TrainingJob, TrainingRequest, TrainingResult
from .loop import Outcome, Quiet, Reporter, fit
from .trainer import Trainer

__all__ = [
    "Checkpoints",
    "Outcome",
    "Quiet",
    "Reporter",
    "Trainer",
    "TrainingJob",
    "TrainingRequest",
    "TrainingResult",
    "fit",
]
