"""Judges and what belongs to them.

rubrics       what is judged, in our words
asking        a rubric and an item as the messages and the form of a call
together      many calls to one model at once
model_judge   any OpenAI-compatible endpoint, or a language model in process
pole_judge    a scorer that tells poles apart, with its measured agreement with gold labels
leaks         texts that a judge must not see
variance      between questions, between answers, between repeats of the judge
concord       agreement between judges, and with labels
opening       a judge by its name
"""
