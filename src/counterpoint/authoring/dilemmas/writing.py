"""One attempt at one slot: a setting, a dilemma in it, two checks by a reader who isn't told the labels, a twin."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel

from counterpoint.authoring.calls import Answer, Call, CallFailedError, Sampling
from counterpoint.authoring.dilemmas.forms import (
    Scene,
    Written,
    appeal_form,
    dilemma_form,
    labels_form,
    twin_form,
)
from counterpoint.authoring.dilemmas.ingredients import AREAS, draw
from counterpoint.authoring.dilemmas.plan import Slot, plan_slot
from counterpoint.authoring.dilemmas.rules import forbidden, problems
from counterpoint.authoring.journal import Draft, RejectedError
from counterpoint.authoring.llm import Client
from counterpoint.authoring.prompts import Prompt
from counterpoint.authoring.prompts import dilemmas as prompts
from counterpoint.types import Dilemma, Option, Taxonomy, content_hash

T = TypeVar("T", bound=BaseModel)
LEAST_APPEAL = 2
"""An option that gets less, of 5, is one that hardly anybody would take."""


@dataclass(frozen=True)
class DilemmaSettings:
    """All that decides the rows, beside models and taxonomy."""

    areas: tuple[str, ...] = AREAS
    """Areas of life, each dilemma's `scene`."""
    sizes: tuple[int, ...] = (2, 3, 4, 5)
    """Numbers of options, equally often."""
    seed: int = 0
    """Another seed, other rows."""
    twins: bool = False
    """Whether each row gets a counterfactual twin: other circumstances, in which each option serves the other pole."""
    temperature: float = 0.8
    """Of the writer; readers that check answer at 0."""
    max_tokens: int = 1500
    """Of one answer."""
    source: str = "authored"
    """What rows name as their source; ids begin with it."""


@dataclass
class _Attempt:
    """One attempt on its way, with the answers it has taken."""

    slot: Slot
    chance: random.Random
    seed: int
    answers: list[Answer] = field(default_factory=list)


class DilemmaWriter:
    """Writes attempts; they depend on nothing but settings, models, slot and attempt.

    Args:
        settings: what is wanted.
        taxonomy: value pairs.
        writer: writes settings, dilemmas and twins.
        checker: reads them without being told the labels; may be the same model.
    """

    def __init__(self, settings: DilemmaSettings, taxonomy: Taxonomy, *, writer: Client, checker: Client) -> None:
        self.settings, self.taxonomy = settings, taxonomy
        self._writer, self._checker = writer, checker

    def slot(self, index: int) -> Slot:
        """What the row of that index is to be."""
        settings = self.settings
        return plan_slot(index, self.taxonomy, areas=settings.areas, sizes=settings.sizes, seed=settings.seed)

    async def write(self, index: int, attempt: int) -> Draft:
        """A draft whose labels were recovered blind and whose options all appeal.

        Raises:
            RejectedError: they don't.
            CallFailedError: an answer could not be used.
        """
        digest = content_hash("attempt", self.settings.seed, index, attempt)
        work = _Attempt(self.slot(index), random.Random(digest), int(digest[:7], 16))
        try:
            scene = await self._scene(work)
            dilemma = await self._dilemma(work, scene)
            checks = {"setting": scene.setting, **await self._check_labels(work, dilemma)}
            checks |= await self._check_appeal(work, dilemma)
            row: dict[str, Any] = {"dilemma": asdict(dilemma)}
            if self.settings.twins:
                twin, checks["twin"] = await self._twin(work, dilemma)
                row["twin"] = asdict(twin) if twin else None
        except (RejectedError, CallFailedError) as error:
            raise RejectedError(error.reason, error.detail, (*work.answers, *error.answers)) from error
        return Draft(row, tuple(work.answers), checks)

    async def _scene(self, work: _Attempt) -> Scene:
        slot, made_of = work.slot, draw(work.chance)
        return await self._ask(work, prompts.SCENE, Scene, area=slot.area, **asdict(made_of), **_sides(slot))

    async def _dilemma(self, work: _Attempt, scene: Scene) -> Dilemma:
        slot = work.slot
        counts = (slot.negative, slot.positive) if slot.swapped else (slot.positive, slot.negative)
        side = "one" if slot.longest != slot.swapped else "two"
        shuffle = random.Random(work.seed)
        order = shuffle.sample(range(slot.options), slot.options)

        def assembled(written: Written) -> Dilemma:
            poles = slot.pair.poles[::-1] if slot.swapped else slot.pair.poles
            sides = ((poles[0], written.side_one), (poles[1], written.side_two))
            options = [Option(choice.text, pole.name, choice.reason) for pole, side in sides for choice in side]
            dilemma = Dilemma(
                id="",
                value_pair=slot.pair.name,
                scenario=written.scenario,
                options=tuple(options[i] for i in order),
                question=written.question,
                scene=slot.area,
                open_question=written.open_question,
                source=self.settings.source,
            )
            return _named(dilemma)

        written = await self._ask(
            work,
            prompts.DILEMMA,
            dilemma_form(*counts),
            check=lambda value: problems(assembled(value), self.taxonomy),
            area=slot.area,
            setting=scene.setting,
            stakes=scene.stakes,
            total=slot.options,
            n_first=counts[0],
            n_second=counts[1],
            longest=f"number 1 of side {side}",
            shortest=f"the last of side {'two' if side == 'one' else 'one'}",
            forbidden=forbidden(slot.pair),
            **_sides(slot),
        )
        return assembled(written)

    async def _check_labels(self, work: _Attempt, dilemma: Dilemma) -> dict[str, Any]:
        """Raises `RejectedError` unless a reader who isn't told finds each option's pole."""
        poles = work.slot.pair.poles if work.chance.random() < 0.5 else work.slot.pair.poles[::-1]
        read = await self._ask(
            work,
            prompts.LABELS,
            labels_form(len(dilemma.options)),
            scenario=dilemma.scenario,
            question=dilemma.question,
            options=[option.text for option in dilemma.options],
            first=poles[0].description,
            second=poles[1].description,
        )
        names = {"first": poles[0].name, "second": poles[1].name, "neither": "neither"}
        said = [names[leaning] for leaning in read.leanings]
        for number, (option, label) in enumerate(zip(dilemma.options, said, strict=True), start=1):
            if label != option.pole:
                detail = f"option {number} was written as {option.pole} and read as {label}: {option.text}"
                raise RejectedError("label not recovered", detail)
        return {"labels read": said}

    async def _check_appeal(self, work: _Attempt, dilemma: Dilemma) -> dict[str, Any]:
        """Raises `RejectedError` if an option is dominated or hardly anybody would take it."""
        read = await self._ask(
            work,
            prompts.APPEAL,
            appeal_form(len(dilemma.options)),
            scenario=dilemma.scenario,
            question=dilemma.question,
            options=[option.text for option in dilemma.options],
        )
        for number, (option, mark) in enumerate(zip(dilemma.options, read.appeal, strict=True), start=1):
            if number in read.dominated:
                raise RejectedError("dominated option", f"option {number} ({option.pole}): {option.text}")
            if mark < LEAST_APPEAL:
                raise RejectedError("option without appeal", f"option {number} ({option.pole}, {mark}): {option.text}")
        return {"appeal": list(read.appeal)}

    async def _twin(self, work: _Attempt, dilemma: Dilemma) -> tuple[Dilemma | None, str]:
        """The twin and `good`, or none and why: a row is not lost for want of its twin."""
        pair = work.slot.pair
        options = [
            {
                "text": option.text,
                "leaning": pair.pole(option.pole).description,
                "opposite": pair.other(option.pole).description,
            }
            for option in dilemma.options
        ]
        try:
            read = await self._ask(
                work,
                prompts.TWIN,
                twin_form(len(options)),
                check=lambda value: (
                    _twin_problems(_twin_of(dilemma, value.scenario, value.reasons, pair), dilemma)
                    or problems(_twin_of(dilemma, value.scenario, value.reasons, pair), self.taxonomy)
                ),
                scenario=dilemma.scenario,
                question=dilemma.question,
                options=options,
                forbidden=forbidden(pair),
            )
            twin = _twin_of(dilemma, read.scenario, read.reasons, pair)
            await self._check_labels(work, twin)
        except (RejectedError, CallFailedError) as error:
            work.answers += error.answers
            return None, str(error)
        return twin, "good"

    async def _ask(self, work: _Attempt, prompt: Prompt, form: type[T], *, check: Any = None, **fields: Any) -> T:
        """The answer to a prompt in a form; its cost is put to the attempt's account."""
        step = prompt.name.rpartition(".")[2]
        checking = prompt in (prompts.LABELS, prompts.APPEAL)
        call = Call(
            messages=prompt.render(**fields),
            sampling=Sampling(0.0 if checking else self.settings.temperature, 1.0, self.settings.max_tokens),
            seed=work.seed,
            step=step,
            prompt=prompt.reference,
        )
        read = await (self._checker if checking else self._writer).ask_for(call, form, check=check)
        work.answers += read.answers
        return read.value


def _sides(slot: Slot) -> dict[str, str]:
    """Descriptions of the poles in the order told to the writer."""
    first, second = slot.pair.poles[::-1] if slot.swapped else slot.pair.poles
    return {"first": first.description, "second": second.description}


def _named(dilemma: Dilemma) -> Dilemma:
    """With an id made from its content."""
    return Dilemma(**{**vars(dilemma), "id": f"{dilemma.source}-{dilemma.digest[:12]}"})


def _twin_of(dilemma: Dilemma, scenario: str, reasons: Sequence[str], pair: Any) -> Dilemma:
    """The same options in another scenario, each serving the other pole."""
    options = tuple(
        Option(option.text, pair.other(option.pole).name, reason)
        for option, reason in zip(dilemma.options, reasons, strict=True)
    )
    return Dilemma(
        id=f"{dilemma.id}-twin",
        value_pair=dilemma.value_pair,
        scenario=scenario,
        options=options,
        question=dilemma.question,
        scene=dilemma.scene,
        source=dilemma.source,
    )


def _twin_problems(twin: Dilemma, dilemma: Dilemma) -> list[str]:
    same = " ".join(twin.scenario.split()) == " ".join(dilemma.scenario.split())
    return ["the scenario is word for word the old one"] if same else []
