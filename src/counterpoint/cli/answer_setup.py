"""What `counterpoint answer` is given, made into records: the question, the person's steering, and what answers."""

from __future__ import annotations

import difflib
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterpoint.data import load
from counterpoint.data.taxonomy import taxonomy as find_taxonomy
from counterpoint.errors import BadInputError, UnknownNameError
from counterpoint.steering.asking import Ask, Asked, Conversation, Message
from counterpoint.steering.explain import History
from counterpoint.steering.method import METHODS
from counterpoint.steering.steering import Policy, Steering, from_belief, from_leans, nothing
from counterpoint.types import DataSet, Dilemma, Taxonomy
from counterpoint.users.belief import Belief
from counterpoint.users.events import by_id_and_digest, by_person, load_events
from counterpoint.users.inference import infer_person, make_model, open_evidence

if TYPE_CHECKING:
    from counterpoint.steering.endpoint import Endpoint
    from counterpoint.steering.engine import Engine

DATA = "crossroads"
"""The dilemmas of whoever names none."""


@dataclass(frozen=True)
class World:
    """Which dilemmas and value pairs are talked of."""

    data: str | None
    """A file, a folder or a built-in name."""
    taxonomy_name: str | None
    """Built-in name or TOML file."""

    @cached_property
    def data_set(self) -> DataSet:
        """The dilemmas."""
        return load(self.data or DATA, taxonomy=self.taxonomy_name)

    @cached_property
    def taxonomy(self) -> Taxonomy:
        """The value pairs; no dilemmas are read where they are named."""
        if self.taxonomy_name and self.data is None:
            return find_taxonomy(self.taxonomy_name)
        return self.data_set.taxonomy


# The question


def question(prompt: str | None, dilemma: str | None, world: World, *, system: str = "") -> Ask:
    """What is asked: a prompt, a dilemma's id or file, or what comes on standard input.

    Raises:
        BadInputError: neither or both are given, or a file holds not exactly one dilemma.
        UnknownNameError: no dilemma has that id.
    """
    if prompt is not None and dilemma is not None:
        raise BadInputError("a prompt and --dilemma are both given; expected one of them")
    if dilemma is not None:
        return Asked(_dilemma(dilemma, world))
    if prompt in (None, "-"):
        if prompt is None and sys.stdin.isatty():
            raise BadInputError("nothing to answer: give a prompt, --dilemma, or - to read standard input")
        prompt = sys.stdin.read()
    if prompt is None or not prompt.strip():
        raise BadInputError("the prompt is empty")
    turns = (Message("system", system),) if system else ()
    return Conversation((*turns, Message("user", prompt.strip())))


def _dilemma(named: str, world: World) -> Dilemma:
    if named == "-":
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "standard input.jsonl"
            file.write_text(sys.stdin.read(), encoding="utf-8")
            return _only(file, world)
    if Path(named).is_file():
        return _only(Path(named), world)
    known = by_id_and_digest(world.data_set.dilemmas)
    if named not in known:
        ids = [dilemma.id for dilemma in world.data_set.dilemmas]
        raise UnknownNameError(f"dilemma of {world.data_set.name}", named, _near(named, ids))
    return known[named]


def _only(file: Path, world: World) -> Dilemma:
    found = load(file, taxonomy=world.taxonomy).dilemmas
    if len(found) != 1:
        raise BadInputError(f"{file.name} holds {len(found)} dilemmas; expected 1 (or --data FILE --dilemma ID)")
    return found[0]


def _near(name: str, names: Sequence[str]) -> list[str]:
    """A few of many names: those like this one, or the first."""
    return difflib.get_close_matches(name, names, n=5, cutoff=0.3) or list(names[:5])


# The person


@dataclass(frozen=True)
class Person:
    """What is to be done about somebody, and what it rests on."""

    steering: Steering
    history: History | None = None


@dataclass(frozen=True)
class Known:
    """What is given of a person's events and how they are read."""

    events: Path
    person: str | None
    reader: str
    user_model: str
    as_of: float | None
    scene: str


def person(leans: Sequence[str], known: Known | None, world: World, policy: Policy) -> Person:
    """Who is answered: what the events say, and over it what is asked for by name.

    Raises:
        BadInputError: a leaning or the events can't be read, or it isn't clear whose are meant.
        UnknownNameError: nobody of that name has events.
    """
    asked = read_leans(leans, world.taxonomy)
    wanted = from_leans(asked, world.taxonomy) if asked else None
    if known is None:
        return Person(wanted or nothing(world.taxonomy, "nothing is known about this person"))
    believed = _believed(known, world, policy)
    return replace(believed, steering=over(believed.steering, wanted, world.taxonomy)) if wanted else believed


def _believed(known: Known, world: World, policy: Policy) -> Person:
    data = world.data_set
    dilemmas = by_id_and_digest(data.dilemmas)
    events = load_events(known.events, dilemmas, data.taxonomy)
    people = by_person(events)
    name = known.person
    if name is None:
        if len(people) != 1:
            raise BadInputError(f"{known.events} is about {', '.join(people) or 'nobody'}; say whom by --person")
        (name,) = people
    if name not in people:
        raise UnknownNameError(f"person in {known.events}", name, people)
    evidence = open_evidence(known.reader, data)
    model = make_model(known.user_model, Belief.flat(len(data.taxonomy)), evidence)
    found = infer_person(name, people[name], model=model, evidence=evidence, dilemmas=dilemmas, as_of=known.as_of)
    here = found.scenes.get(known.scene) if known.scene else None
    steering = from_belief(
        here or found.belief,
        data.taxonomy,
        prior=found.prior,
        scenes=None if here else found.scenes,
        policy=policy,
    )
    scene = known.scene if here else ""
    history = History.of(name, people[name], model, evidence, dilemmas, as_of=known.as_of, scene=scene)
    return Person(steering, history)


def read_leans(leans: Sequence[str], taxonomy: Taxonomy) -> dict[str, float]:
    """`Risk-averse=1.5` as pole and strength; 1 where none is said. Capital letters make no difference.

    Raises:
        BadInputError: no number where there should be one, a pole twice, or none of that name (the nearest is told).
    """
    names = {pole.name.casefold(): pole.name for pole in taxonomy.poles}
    found: dict[str, float] = {}
    for text in leans:
        said, _, number = text.partition("=")
        name = names.get(said.strip().casefold())
        if name is None:
            raise _no_pole(said.strip(), taxonomy)
        if name in found:
            raise BadInputError(f"--lean names {name} twice")
        try:
            found[name] = float(number) if "=" in text else 1.0
        except ValueError:
            raise BadInputError(f"--lean {text!r}: {number!r} is no number; expected such as {name}=1.5") from None
    return found


def _no_pole(said: str, taxonomy: Taxonomy) -> BadInputError:
    """What to say of a name that is no pole's, with the nearest one whatever its capitals."""
    pairs = {pair.name.casefold(): pair for pair in taxonomy}
    if pair := pairs.get(said.casefold()):
        return BadInputError(f"--lean {said}: that is a value pair; name {pair.positive.name} or {pair.negative.name}")
    names = {pole.name.casefold(): pole.name for pole in taxonomy.poles}
    near = difflib.get_close_matches(said.casefold(), names, n=1, cutoff=0.4)
    guess = f" Did you mean {names[near[0]]!r}?" if near else ""
    return BadInputError(f"--lean {said}: unknown pole.{guess} {taxonomy.name} has: {', '.join(names.values())}")


def over(believed: Steering, wanted: Steering, taxonomy: Taxonomy) -> Steering:
    """What is believed, with what is asked for in its place where both say something."""
    names = [pair.name for pair in taxonomy]
    taken = {leaning.value_pair for leaning in wanted.leanings}
    vector = [w if n in taken else b for n, b, w in zip(names, believed.vector, wanted.vector, strict=True)]
    kept = [leaning for leaning in believed.leanings if leaning.value_pair not in taken]
    return replace(
        believed,
        vector=tuple(vector),
        leanings=tuple(sorted([*kept, *wanted.leanings], key=lambda leaning: -leaning.strength)),
        uncertain=tuple(name for name in believed.uncertain if name not in taken),
        conflicts=tuple(name for name in believed.conflicts if name not in taken),
        abstained="" if any(vector) else believed.abstained,
    )


def opposite(steering: Steering, taxonomy: Taxonomy) -> Steering:
    """The same strengths, the other sides."""
    turned = steering.with_vector([-value for value in steering.vector])
    leanings = tuple(
        replace(one, pole=taxonomy.by_name[one.value_pair].other(one.pole).name) for one in turned.leanings
    )
    return replace(turned, leanings=leanings)


# What answers


@dataclass(frozen=True)
class Where:
    """What is to answer."""

    model: str | None
    base_url: str | None
    materials: tuple[str, ...]
    dials: tuple[Path, ...]

    def open(self, taxonomy: Taxonomy) -> Engine | Endpoint:
        """An engine for `lm:` models, else an endpoint.

        Raises:
            BadInputError: neither an `lm:` model nor a URL, or a material or dial that doesn't fit.
            MissingExtraError: its packages are not installed.
        """
        if self.model is None:
            raise BadInputError("what answers is missing: give --model lm:..., or --base-url URL and --model NAME")
        materials = dict(_material(text) for text in self.materials)
        if self.base_url is not None:
            from counterpoint.steering.endpoint import Endpoint

            dials = _dials(self.dials, self.model, taxonomy)
            return Endpoint(self.model, self.base_url, taxonomy, materials=materials, dials=dials)
        if not self.model.startswith("lm:"):
            raise BadInputError(
                f"--model is {self.model!r}; expected lm: and a hub id or a folder, or a --base-url to ask it at"
            )
        from counterpoint.models.language_model import LanguageModel
        from counterpoint.steering.calibration import identity_of
        from counterpoint.steering.engine import Engine

        language = LanguageModel.load(self.model)
        files = self.dials or tuple(sorted(Path(self.model.removeprefix("lm:")).glob("dial-*.json")))
        dials = _dials(files, identity_of(language), taxonomy) if files else {}
        return Engine(language, taxonomy, materials=materials, dials=dials)


def _material(text: str) -> tuple[str, str]:
    name, sign, path = text.partition("=")
    if not (sign and path):
        raise BadInputError(f"--material is {text!r}; expected a method and its folder, such as activation=runs/caa")
    METHODS.get(name)
    return name, path


def _dials(files: Sequence[Path], model: str, taxonomy: Taxonomy) -> Mapping[str, Any]:
    from counterpoint.steering.dial import MethodDial

    found = {}
    for file in files:
        try:
            method = str(json.loads(file.read_text(encoding="utf-8"))["method"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BadInputError(f"{file}: not a saved dial ({type(error).__name__}: {error})") from error
        found[method] = MethodDial.load(file, method=method, model=model, taxonomy=taxonomy)
    return found
