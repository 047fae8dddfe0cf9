"""Dilemmas written by an LLM.

plan         which value pair, scene, number of options and split each slot is for
ingredients  what settings are made from
forms        what is asked for, as pydantic models
rules        what can be said of a dilemma by reading it without a model: words that give a side away, lengths
writing      setting, dilemma, blind label check, appeal check, twin: the calls of one attempt
settling     near duplicates and balance against all rows kept before
authoring    all of it as one run, from settings to files
"""
