"""Models with the ways to train them, one file each; the contract is `training/learner.py`."""
