"""People who change: their lives, how user models follow them, and what is counted. The suite is `suites/drift.py`."""
