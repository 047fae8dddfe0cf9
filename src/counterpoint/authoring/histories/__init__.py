"""Histories: made-up people with a hidden preference vector, which may change, answer dilemmas over time.

people.py    a vector for every moment and scene    living.py   what they do: dated choices
phrasing.py  choices in their own words, by an LLM  author.py   all of it, the truth in a file apart
"""
