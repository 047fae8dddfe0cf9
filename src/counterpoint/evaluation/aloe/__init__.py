"""ALOE's benchmark: a simulated person talks with a model, and every reply is graded by how well it suits the person.

people.py    who talks           talks.py      how a talk is held    players.py   users and models that are asked
grading.py   who grades          proof.py       that they can       toy.py       the toy world's user and exact grader
counting.py  tables              ../suites/aloe.py runs it
"""
