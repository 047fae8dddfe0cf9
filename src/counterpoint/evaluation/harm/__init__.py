"""What steering must leave alone, measured: `evaluate --suite harm`.

neutral.py      questions without a value in them        opinions.py   claims of a user, half of them wrong
truthfulqa.py   reads two-choice TruthfulQA              toy.py        the same things for the toy world's model
"""
