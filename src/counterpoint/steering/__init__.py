"""From a belief to a reply that fits the person.

steering.py      what is to be done about a belief in one reply: `Steering`, its `Leaning`s, the `Policy` of abstaining
asking.py        what is asked: a conversation or a dilemma, and who answers; `Request` and `Reply`
method.py        the contract of a way to steer, and the registry of `methods/`, one file each
engine.py        `Engine`: an `lm:` model in process; many requests together, each steered in its own way
"""
