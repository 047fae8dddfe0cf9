"""The parts of the history experiment (`suites/history.py`): who is asked what, what is answered, what it comes to."""
