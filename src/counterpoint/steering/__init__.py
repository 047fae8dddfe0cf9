"""From a belief to a reply that fits the person.

What is wanted
    steering.py        what to do about a belief in one reply: `Steering`, `Leaning`, and the `Policy` of abstaining
    asking.py          what is asked, a conversation or a dilemma, and who answers; `Request` and `Reply`
    method.py          the contract of a way to steer, and the registry of `methods/`, one file each
    words.py           a steering in plain words                explain.py    why a reply leans as it does
    dial.py            what a strength means, by method         calibration.py  how that is measured

What answers
    engine.py          `Engine`: an `lm:` model in process      endpoint.py   any OpenAI-compatible endpoint
    session.py         the engine's batch, which requests join and leave between steps
    block.py           the rows of some replies, one step at a time; a reply computed alone
    prompting.py       questions as token ids                   levers.py     what a draft does to the model
    mixing.py          one reply's logits from several rows'    adapter_bank.py  adapters mixed by each row
    ties.py            which tokens rounding could change       probe.py      does a method change anything here?
    likelihood.py      what a steered model thinks of a text    candidates.py which of several replies is kept

What methods are made of
    activation_fit.py  vectors                                  adapters_fit.py  adapters
    turning.py         what it means that something can be turned
"""
