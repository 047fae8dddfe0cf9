"""Conversations with made-up people, written by five roles, each a model of its own if need be.

Method: ALOE (Wu et al. 2024, arXiv 2410.03642), section on building the multi-turn preference data.

prompts.py   what each role is told          roles.py   who plays which role, and how it is asked
talk.py      one conversation, turn by turn  author.py  all of them, and what was set aside
text.py      what is taken out of what a role said
"""
