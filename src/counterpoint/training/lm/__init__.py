"""Training a causal language model by any objective, on token tries, with Hugging Face's `Trainer` underneath.

settings.py   every choice and its default's source        rows.py     dilemmas -> one tree an example
batches.py    a micro-batch as plans within a budget       module.py   what is wrapped by DDP or FSDP
trainer.py    forward and backward of a micro-batch        train.py    all of it: `train_lm`
checkpoints.py  what a killed run goes on from             recipe.py, run.py   a TOML file and its run
conversation_*.py, conversations.py   the same for ALOE's two stages on conversations
"""

from counterpoint.training.lm.plan import TrainingPlan, plan_training
from counterpoint.training.lm.settings import LmTraining, defaults_for, is_tiny
from counterpoint.training.lm.train import TrainingDivergedError, run_plan, train_lm

__all__ = [
    "LmTraining",
    "TrainingDivergedError",
    "TrainingPlan",
    "defaults_for",
    "is_tiny",
    "plan_training",
    "run_plan",
    "train_lm",
]
