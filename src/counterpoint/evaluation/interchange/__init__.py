"""Suites as tasks of other people's evaluation tools, asked word for word as here.

questions.py      what a suite asks, whatever the tool
lm_eval_task.py   the YAML files of lm-evaluation-harness
export.py         a tool's folder     formats.py   the tools
files/            Python that goes into such a folder as it is, and is imported there alone: the tools need not be here
"""
