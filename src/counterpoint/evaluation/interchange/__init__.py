"""Suites as tasks of other people's evaluation tools, asked word for word as here.

questions.py      what a suite asks, whatever the tool
lm_eval_task.py   lm-evaluation-harness     lm_eval_exported.py   the Python file of its folder
inspect_task.py   inspect_ai                inspect_exported.py   likewise
"""
