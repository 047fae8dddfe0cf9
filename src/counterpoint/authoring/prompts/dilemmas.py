"""Prompts for dilemmas: a setting, then the dilemma in it; checks by a reader who is not told the labels; twins."""

from __future__ import annotations

from counterpoint.authoring.prompts import Prompt

_WRITER = """
You write everyday decisions for a study of how people differ. What you write must read as if it had happened: named
people, concrete sums, dates and places, no fantasy, no thought experiment, no moral at the end. Whatever a person
chooses in it, a sensible friend could say "I see why".
"""

SCENE = Prompt(
    name="dilemmas.scene",
    version=1,
    system=_WRITER,
    user="""
Find the setting for one decision. Don't write the decision itself yet.

Area of life: {{ area }}
The person it happens to: {{ person }}
Where: {{ place }}
What has just changed: {{ change }}
Take from these what fits and leave what doesn't.

The decision will later divide people who lean one way from people who lean the other:
- one way: {{ first }}
- the other way: {{ second }}
So the setting must give both of them something real to win and something real to lose, and about equally much.
""",
)

DILEMMA = Prompt(
    name="dilemmas.dilemma",
    version=1,
    system=_WRITER,
    user="""
Write one dilemma in this setting.

Area of life: {{ area }}
Setting: {{ setting }}
What is at stake: {{ stakes }}

The options must divide people by one leaning and by nothing else:
- side one: {{ first }}
- side two: {{ second }}

Write a scenario of 60 to 120 words that speaks to the reader as "you", ends before anything is decided, and leans to
neither side. Then a short question that asks what the reader does. Then {{ total }} options: {{ n_first }} for side one
and {{ n_second }} for side two.

Each option
- is one thing the reader could really do, in one sentence of 20 to 35 words, in the same tone as the others;
- is about as long as the others; by two or three words {{ longest }} is the longest and {{ shortest }} the shortest;
- gains something that the others don't and costs something that the others don't: none is the clever answer, and none
  is a straw man;
- shows its side by what is done. Nobody says which attitude it stands for. These words, and others of their families,
  must not occur anywhere: {{ forbidden }}.

Each option comes with a reason in one sentence: why somebody would choose it, said kindly and about this very case, and
also without those words. Last, write an open question about the same scenario that can be answered in free text and
suggests no option.
""",
)

LABELS = Prompt(
    name="dilemmas.labels",
    version=1,
    system="You read closely and judge what people's choices say about them. You are exact and you don't guess.",
    user="""
{{ scenario }}

{{ question }}
{% for option in options %}
{{ loop.index }}. {{ option }}
{% endfor %}

Two leanings:
- first: {{ first }}
- second: {{ second }}

For each option in turn: which leaning would somebody show who chose it here? If it shows neither, or both alike, say
neither.
""",
)

APPEAL = Prompt(
    name="dilemmas.appeal",
    version=1,
    system="You are a fair-minded reader. People want different things and often have good reasons, and you know it.",
    user="""
{{ scenario }}

{{ question }}
{% for option in options %}
{{ loop.index }}. {{ option }}
{% endfor %}

Think of many sensible adults in this situation. For each option in turn, say how much it has going for it, from 1
(hardly anybody in their right mind would do it) to 5 (many would gladly do it). Then name the options that are
dominated: another option here is at least as good for nearly everybody, whatever they care about. Usually there are
none.
""",
)

TWIN = Prompt(
    name="dilemmas.twin",
    version=1,
    system=_WRITER,
    user="""
Here is a dilemma.

Scenario: {{ scenario }}

Question: {{ question }}
{% for option in options %}
Option {{ loop.index }}, which here shows "{{ option.leaning }}": {{ option.text }}
{% endfor %}

Rewrite the scenario so that the very same options, word for word, come to stand for the opposite leaning: with the
circumstances changed, whoever chooses an option above now shows the other one.
{% for option in options %}
Option {{ loop.index }} must then show: {{ option.opposite }}
{% endfor %}

Change what the options mean and nothing else: keep the people, the place, the length and the tone; change facts (what
is at hand, what is usual here, what has been promised, what others do). Both leanings keep good reasons. These words,
and others of their families, must not occur: {{ forbidden }}. Give also, for each option in turn, a new reason why
somebody would choose it now.
""",
)
