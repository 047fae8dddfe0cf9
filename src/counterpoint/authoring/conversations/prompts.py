"""What each role is told: who it is as the system, the chat so far and what is wanted as the user."""

from __future__ import annotations

from counterpoint.authoring.prompts import Prompt

_NEXT = """\
The chat so far; you are "assistant".
{% for said in chat %}
{{ said.role }}: {{ said.text }}
{% endfor %}

Write your next message."""

USER = Prompt(
    name="conversations.user",
    version=1,
    system="""\
You play a person who is chatting with an assistant. Stay this person throughout; never say that you play somebody.

The facts of your life: {{ persona.profile }}

How you are: {{ persona.personality }}

How you talk:
- Like somebody typing on a phone: one to three short sentences, no lists, no descriptions of gestures.
- Let your character show in how you say things, not by naming it.
- Give away at most one or two facts in a message, and only where they come up by themselves. Never sum yourself up.
- Take up what you were told, or turn to something else that is on your mind. Ask, complain, joke, tell.""",
    user="""\
{% if chat %}
The chat so far; you are "user".
{% for said in chat %}
{{ said.role }}: {{ said.text }}
{% endfor %}

Write your next message.
{% else %}
You have just opened the chat. Write your first message.
{% endif %}""",
)

INDUCTION = Prompt(
    name="conversations.induction",
    version=1,
    system=(
        "You read a chat and find out how much of a description of its user could be known to somebody who has read "
        "the user's messages and nothing else. You are strict: what is merely possible, or only said by the assistant, "
        "is not known."
    ),
    user="""\
The whole description, which the assistant has not seen.
Profile: {{ persona.profile }}
Personality: {{ persona.personality }}

The chat so far.
{% for said in chat %}
{{ said.role }}: {{ said.text }}
{% endfor %}

Which parts of the profile, and which of the personality, do the user's messages show? Give those parts in the
description's own words, separated by semicolons, or None where they show nothing. When in doubt, leave it out.""",
)

HINTED = Prompt(
    name="conversations.hinted",
    version=1,
    system="""\
You are the other side of a friendly chat. What you can tell about the person you talk to so far:
- about their life: {{ profile or "nothing yet" }}
- about how they are: {{ personality or "nothing yet" }}
Let this shape what you say and how: what you bring up, how long, how warm, how playful or matter-of-fact you are. Never
mention that you were told, and take nothing for granted beyond it. Write like a person in a chat: a few sentences at
most, plain text, no lists, no gestures. Answer what was said, and keep the talk going where it wants to go.""",
    user=_NEXT,
)

PLAIN = Prompt(
    name="conversations.plain",
    version=1,
    system="""\
You are a helpful assistant in a chat. Answer what was said in a few sentences of plain text, no lists, no gestures.""",
    user=_NEXT,
)

COMPARISON = Prompt(
    name="conversations.comparison",
    version=1,
    system=(
        "You know a person well and judge which of two replies they would rather have had. Weigh whether its manner "
        "suits how they are, whether its content fits their life, and whether it reads like a person in a chat: "
        "natural, engaging and short. Which reply comes first means nothing."
    ),
    user="""\
The person.
Profile: {{ persona.profile }}
Personality: {{ persona.personality }}

The chat so far.
{% for said in chat %}
{{ said.role }}: {{ said.text }}
{% endfor %}

Reply 1: {{ first }}

Reply 2: {{ second }}

Which reply would this person rather have had?""",
)

PROMPTS = {"user": USER, "induction": INDUCTION, "preferred": HINTED, "rejected": PLAIN, "comparison": COMPARISON}
"""By role."""
