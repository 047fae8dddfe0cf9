"""`counterpoint ask`: an interview in the terminal."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.text import Text

from counterpoint.cli.infer import print_belief
from counterpoint.data import load
from counterpoint.errors import BadInputError
from counterpoint.types import Choice, ChoiceKind, DataSet, Dilemma
from counterpoint.users.ask import Rule, next_question
from counterpoint.users.belief import Belief
from counterpoint.users.events import append_event, by_id_and_digest, load_events, settle
from counterpoint.users.evidence import Evidence
from counterpoint.users.inference import Inference, as_record, infer_person, make_model, open_evidence
from counterpoint.users.model import Question

_HELP = "number: choose; 1,3: several; 2>1>3: rank; =: no difference; s: skip; u: take back the last; q: stop"


def ask(
    out: Annotated[Path, typer.Option(help="JSONL file for the answers. An interview that was stopped goes on in it.")],
    data: Annotated[str, typer.Option(help="Dilemmas to ask: a file, a folder or 'crossroads'.")] = "crossroads",
    taxonomy: Annotated[str | None, typer.Option(help="vcd, bqd, preference or a TOML file.")] = None,
    model: Annotated[
        str, typer.Option(help="The scorer: 'encoder' (taught on the data), or a saved one's folder.")
    ] = "encoder",
    person: Annotated[str, typer.Option(help="Who is asked.")] = "me",
    cost: Annotated[
        float, typer.Option(help="Stop when the next answer is expected to tell less, in nats.")
    ] = Rule.cost,
    certainty: Annotated[float, typer.Option(help="Stop when every side is this probable.")] = Rule.certainty,
    most: Annotated[
        int, typer.Option(help="Ask at most so many dilemmas, those of earlier sittings included.")
    ] = Rule.most,
    seed: Annotated[int, typer.Option(help="Shuffles the options shown.")] = 0,
) -> None:
    """Interview somebody: ask what is expected to tell most, and show what is believed after each answer.

    Example: counterpoint ask --out me.jsonl
    """
    data_set = load(data, taxonomy=taxonomy)
    dilemmas = by_id_and_digest(data_set.dilemmas)
    events = list(load_events(out, dilemmas, data_set.taxonomy)) if out.exists() and out.stat().st_size else []
    evidence = open_evidence(model, data_set)
    interview = Interview(data_set, evidence, out, person, events, Rule(cost, certainty, most))
    interview.run(Console(), np.random.default_rng(seed))


class Interview:
    """One person's interview; every answer is written before the next question is asked."""

    def __init__(
        self, data: DataSet, evidence: Evidence, out: Path, person: str, events: Sequence[Choice], rule: Rule
    ) -> None:
        self.data, self.evidence, self.out, self.person, self.rule = data, evidence, out, person, rule
        self.events = list(events)
        self.dilemmas: Mapping[str, Dilemma] = by_id_and_digest(data.dilemmas)
        self.questions: dict[str, Question] = {
            dilemma.digest: question
            for dilemma, question in zip(data.dilemmas, evidence.questions(data.dilemmas), strict=True)
        }
        self.model = make_model("gaussian", Belief.flat(len(data.taxonomy)), evidence)

    def run(self, console: Console, rng: np.random.Generator) -> None:
        """Ask until there is nothing worth asking or the person stops."""
        console.print(_HELP, style="dim", highlight=False)
        while (dilemma := self.next()) is not None:
            order = [int(i) for i in rng.permutation(len(dilemma.options))]
            if not self._ask(dilemma, order, console):
                break
            inference = self.inference()
            print_belief(inference, as_record(inference, self.data.taxonomy), console)
        else:
            console.print("Nothing left that is worth asking.")
        console.print(Text(f"Answers: {self.out}"))

    def next(self) -> Dilemma | None:
        """The dilemma to ask now."""
        asked = {self.dilemmas[e.dilemma].digest for e in settle(self._own()) if e.dilemma}
        left = [question for digest, question in self.questions.items() if digest not in asked]
        best = next_question(self.inference().belief, left, self.rule, asked=len(asked))
        return None if best is None else left[best].dilemma

    def inference(self) -> Inference:
        """What is believed now."""
        return infer_person(self.person, self.events, model=self.model, evidence=self.evidence, dilemmas=self.dilemmas)

    def record(
        self, kind: ChoiceKind, *, dilemma: str = "", groups: tuple[tuple[int, ...], ...] = (), target: str = ""
    ) -> None:
        """Write an event to the file and take it in."""
        ids = {event.id for event in self.events}
        name = next(f"{self.person}-{n}" for n in range(len(ids), 2 * len(ids) + 1) if f"{self.person}-{n}" not in ids)
        scene = self.dilemmas[dilemma].scene if dilemma else ""
        choice = Choice(name, self.person, time.time(), kind, dilemma, groups, scene, target=target)
        append_event(self.out, choice)
        self.events.append(choice)

    def _ask(self, dilemma: Dilemma, order: Sequence[int], console: Console) -> bool:
        """Show one dilemma until it is answered; False when the person stops."""
        console.print()
        console.print(Text(dilemma.scenario + (f"\n{dilemma.question}" if dilemma.question else "")))
        for place, option in enumerate(order):
            console.print(Text(f"  {place + 1}. {dilemma.options[option].text}"))
        while True:
            try:
                answer = console.input("> ").strip().lower()
            except EOFError:
                return False
            if answer in ("q", "quit"):
                return False
            try:
                self._answer(answer, dilemma, order)
            except BadInputError as error:
                console.print(Text(str(error)))
                continue
            return True

    def _answer(self, answer: str, dilemma: Dilemma, order: Sequence[int]) -> None:
        match answer:
            case "s":
                self.record(ChoiceKind.SKIPPED, dilemma=dilemma.digest)
            case "=":
                self.record(ChoiceKind.TIED, dilemma=dilemma.digest)
            case "u":
                standing = settle(self._own())
                if not standing:
                    raise BadInputError("there is nothing to take back yet")
                self.record(ChoiceKind.RETRACTED, target=standing[-1].id)
            case _:
                groups = parse_answer(answer, order)
                kind = ChoiceKind.RANKED if len(groups) > 1 else ChoiceKind.CHOSE
                kind = ChoiceKind.CHOSE_SEVERAL if len(groups) == 1 and len(groups[0]) > 1 else kind
                self.record(kind, dilemma=dilemma.digest, groups=groups)

    def _own(self) -> list[Choice]:
        return [event for event in self.events if event.person == self.person]


def parse_answer(answer: str, order: Sequence[int]) -> tuple[tuple[int, ...], ...]:
    """`2`, `1,3` or `2>1>3` as groups of option indices, best first; `order[place]` is the option shown there.

    Raises:
        BadInputError: it is none of these.
    """
    try:
        groups = tuple(tuple(int(part) for part in group.split(",")) for group in answer.split(">"))
    except ValueError:
        raise BadInputError(_HELP) from None
    places = [place for group in groups for place in group]
    if len(set(places)) != len(places) or not all(1 <= place <= len(order) for place in places):
        raise BadInputError(f"give numbers from 1 to {len(order)}, each once")
    return tuple(tuple(order[place - 1] for place in group) for group in groups)
