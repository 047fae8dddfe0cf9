"""A choice in the person's own words, by an LLM that knows what was chosen and by whom, but not the vector."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BaseModel, Field

from counterpoint.authoring.calls import Answer, Call, Sampling
from counterpoint.authoring.conversations.text import said
from counterpoint.authoring.llm import Client
from counterpoint.authoring.prompts import Prompt
from counterpoint.data.conversations import Persona
from counterpoint.types import Dilemma, Option, ValuePair

PROMPT = Prompt(
    name="histories.words",
    version=1,
    system=(
        "You write what a made-up person says about a choice they have just made. You write as this person talks: one "
        "or two sentences in the first person, concrete, without naming any principle or value behind the choice."
    ),
    user="""\
{% if persona %}
The person.
Life: {{ persona.profile }}
Manner: {{ persona.personality }}

{% endif %}
The situation: {{ dilemma.scenario }}
{% if dilemma.question %}
The question: {{ dilemma.question }}
{% endif %}
They could have: {{ others | join("; or ") }}
They chose: {{ chosen.text }}

What do they say about it?""",
)

LONGEST = 80
"""Words that may be kept; twice what is asked for."""


class Words(BaseModel):
    """What the model answers with."""

    words: Annotated[str, Field(description="What the person says.")]


async def phrase(
    client: Client,
    dilemma: Dilemma,
    chosen: int,
    pair: ValuePair,
    *,
    persona: Persona | None,
    sampling: Sampling,
    seed: int,
) -> tuple[str, tuple[Answer, ...]]:
    """What somebody says about a choice, and the answers it took.

    Raises:
        CallFailedError: nothing usable, after repairs; words that give a pole away are not usable.
        RunStoppedError: nothing more can be asked.
    """

    def wrong(answer: Words) -> list[str]:
        text = said(answer.words)
        found = giveaways(text, pair)
        faults = [f"it says {', '.join(found)}, which names what is behind the choice"] if found else []
        if not text:
            faults.append("it is empty")
        return faults + (["it is too long; two sentences at most"] if len(text.split()) > LONGEST else [])

    option: Option = dilemma.options[chosen]
    others = [other.text for i, other in enumerate(dilemma.options) if i != chosen]
    messages = PROMPT.render(persona=persona, dilemma=dilemma, others=others, chosen=option)
    read = await client.ask_for(
        Call(messages, sampling, seed, "words", PROMPT.reference), Words, check=wrong, repairs=2
    )
    return said(read.value.words), read.answers


def giveaways(text: str, pair: ValuePair) -> list[str]:
    """Words of the text that name a pole of the pair: its name, or a word that begins as one of its stems."""
    names = [pole.name.casefold() for pole in pair.poles]
    found = [name for name in names if name in text.casefold()]
    stems = tuple(stem.casefold() for pole in pair.poles for stem in pole.stems)
    return found + [word for word in re.findall(r"\w[\w-]*", text.casefold()) if stems and word.startswith(stems)]
