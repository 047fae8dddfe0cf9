"""`reproduce aloe`: ALOE's table (arXiv 2410.03642) as one run: base, SFT, SFT then DPO, by turn, with ablations.

A cell trains with one seed under one setting, talks with the held-out people and has every reply graded. The base has a
cell of its own. Longer talks are held with the models of the default setting.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from counterpoint import __version__
from counterpoint.config import to_toml
from counterpoint.data.conversations import Conversation, Persona, load_conversations
from counterpoint.evaluation.aloe.counting import tables
from counterpoint.evaluation.aloe.grading import Grader
from counterpoint.evaluation.aloe.proof import Proof
from counterpoint.evaluation.aloe.talks import Model, User
from counterpoint.evaluation.compare import SCHEMA
from counterpoint.evaluation.foresight import foresee_cases
from counterpoint.evaluation.progress import Report, Stage
from counterpoint.evaluation.reproduce.aloe_config import (
    TURNS,
    AloePaperConfig,
    Trainee,
    check_aloe,
    trainees,
    wanted,
)
from counterpoint.evaluation.reproduce.aloe_paper import aloe_figures, aloe_set_up
from counterpoint.evaluation.reproduce.cells import Clock, Forecast, Job, Within, cell_of, run_jobs
from counterpoint.evaluation.reproduce.costs import aloe_seconds
from counterpoint.evaluation.reproduce.report import write_reproduction
from counterpoint.evaluation.reproduce.variants import DEFAULT
from counterpoint.evaluation.suites.aloe import BASE, AloeConfig, Contender, Run, measure
from counterpoint.models.language_model import LanguageModel
from counterpoint.runlog import RunFolder
from counterpoint.training.lm.conversation_recipe import TOY, read_chats, read_conversations
from counterpoint.training.lm.conversations import train_aloe
from counterpoint.training.lm.settings import is_tiny
from counterpoint.training.lm.toy_conversations import COUNT
from counterpoint.training.settings import Point
from counterpoint.types import content_hash

Array = NDArray[np.float64]


MAIN = 3
"""Methods of the main table: base, SFT, SFT then DPO."""


class World(NamedTuple):
    """Who talks and who grades, for talks of one length."""

    people: Sequence[Persona]
    user: User
    grader: Grader
    proof: Proof | None


@dataclass(frozen=True)
class Asking:
    """What talking takes; made by the command, which knows clients.

    Attributes:
        world: of the given settings; opened when first needed.
        open: a model by its name, `lm:...`, in memory only while it is talked with.
        run: runs a coroutine in the loop that the clients live in.
        guard: a context that is entered for every so many grades, and not broken off.
    """

    world: Callable[[AloeConfig], World]
    open: Callable[[str], AbstractAsyncContextManager[Model]]
    run: Run
    guard: Callable[[], AbstractContextManager[None]]


def reproduce_aloe(
    config: AloePaperConfig,
    out: Path,
    asking: Callable[[RunFolder], AbstractContextManager[Asking]] | None,
    *,
    announce: Callable[[Forecast], None] | None = None,
    report: Report | None = None,
) -> dict[str, Any] | None:
    """Run it all and write the run's folder; returns what `results.json` holds, or None for a dry run.

    Args:
        config: the settings.
        out: the run's folder. The same command goes on where an earlier one was stopped.
        asking: makes a context that gives `Asking`, in the run's folder; None for a dry run.
        announce: told what will be done, before it is.
        report: told of progress.

    Raises:
        BadInputError: settings or data are wrong, or `out` holds another run.
        RunStoppedError: an endpoint or the cap ended the run; the same command goes on later.
    """
    began = time.perf_counter()
    check_aloe(config)
    given = None if config.data == TOY else load_conversations(Path(config.data))
    kept = min(config.most or 10**9, COUNT if given is None else len(given))
    trained = trainees(config, kept)
    cells = [(trainee, seed) for seed in range(config.seeds) for trainee in trained]
    seconds = [aloe_seconds(config, _size(trainee, kept), trainee.factor == "") for trainee, _ in cells]
    base_seconds = aloe_seconds(config, 0, True)
    forecast = _forecast(config, trained, sum(seconds) + base_seconds)
    if announce:
        announce(forecast)
    if asking is None:
        return None
    tell = report or (lambda _: None)
    folder = RunFolder(out, _identity(config, given), to_toml(config))
    try:
        with asking(folder) as means:
            bench = _Bench(config, means, folder, given)
            jobs = [bench.base(base_seconds)]
            jobs += [bench.trained(trainee, seed, s) for (trainee, seed), s in zip(cells, seconds, strict=True)]
            clock = Clock(tell, sum(seconds) + base_seconds, known=is_tiny(config.model))
            found = run_jobs(jobs, folder, clock)
            tell(Stage("resampling for intervals and p-values", 0.98))
            parts = {("", 0): found[jobs[0].cell.key]}
            parts |= {(t.name, seed): found[job.cell.key] for (t, seed), job in zip(cells, jobs[1:], strict=True)}
            results = _results(config, bench, parts, trained, forecast, kept)
        results["seconds"] = {"total": round(time.perf_counter() - began, 1)}
        folder.write_json("results.json", results)
        write_reproduction(out)
        folder.log("finished", results["seconds"])
    finally:
        folder.close()
    tell(Stage("done", 1.0))
    return results


def _size(trainee: Trainee, conversations: int) -> int:
    return min(conversations, trainee.recipe.most or conversations)


def _forecast(config: AloePaperConfig, trained: Sequence[Trainee], seconds: float) -> Forecast:
    cells = {"base": 1, "training": config.seeds}
    if len(trained) > 1:
        cells["ablation"] = config.seeds * (len(trained) - 1)
    number = config.asking.cases if config.people is None or Path(config.people).is_file() else _crossed(config)
    power = foresee_cases(number, MAIN)
    assert power is not None  # there are three
    return Forecast(cells, 0, seconds if is_tiny(config.model) else None, power)


def _crossed(config: AloePaperConfig) -> int:
    return config.asking.profiles * config.asking.personalities


def _identity(config: AloePaperConfig, given: Iterable[Conversation] | None) -> str:
    """What may not change within a folder; cells are known by all that decides them."""
    digests = None if given is None else [conversation.digest for conversation in given]
    return content_hash("reproduce aloe", config.model, digests, config.people)


class _Bench:
    """Makes cells."""

    def __init__(
        self, config: AloePaperConfig, means: Asking, folder: RunFolder, given: Sequence[Conversation] | None
    ) -> None:
        self.config, self.means, self.folder, self.given = config, means, folder, given
        asked = [config.asking]
        if TURNS in wanted(config):
            asked.append(replace(config.asking, turns=config.more_turns))
        self.asked = asked
        self.worlds = [means.world(settings) for settings in asked]
        self._told = [
            [_decides(settings), [[p.id, p.profile, p.personality] for p in world.people], world.grader.describe()]
            for settings, world in zip(asked, self.worlds, strict=True)
        ]

    def base(self, seconds: float) -> Job:
        """The model as it came."""

        def do(within: Within) -> dict[str, Any]:
            return {BASE: self._talk(BASE, 0, self.config.model, cell.key, self.asked, within, 0.0, 1.0)}

        cell = cell_of("base", "base", [self.config.model, self._told], seconds)
        return Job(cell, do)

    def trained(self, trainee: Trainee, seed: int, seconds: float) -> Job:
        """Both stages, or one, and talks with what came of them."""
        recipe = replace(trainee.recipe, seed=seed)
        lengths = self.asked if trainee.name == DEFAULT else self.asked[:1]
        data = [c.digest for c in self.given] if self.given is not None else [trainee.preferred]
        decides = [asdict(recipe), data, self._told[: len(lengths)]]
        label = f"{'SFT then DPO' if trainee.name == DEFAULT else trainee.name}, seed {seed}"
        cell = cell_of("training" if trainee.name == DEFAULT else "ablation", label, decides, seconds)

        def do(within: Within) -> dict[str, Any]:
            where = self.folder.path / "models" / cell.part
            models = self._train(trainee, seed, where, within)
            found = {}
            for number, (method, model) in enumerate(models.items()):
                start = 0.6 + 0.4 * number / len(models)
                found[method] = self._talk(method, seed, model, cell.key, lengths, within, start, 0.4 / len(models))
            shutil.rmtree(where, ignore_errors=True)
            return found

        return Job(cell, do)

    def _train(self, trainee: Trainee, seed: int, where: Path, within: Within) -> dict[str, str]:
        """Method to model: what is wanted of a training."""
        recipe = replace(trainee.recipe, seed=seed)
        within(f"loading {recipe.model}", 0.0)
        language = LanguageModel.load(recipe.model)
        conversations = read_conversations(recipe, language.tokenizer, preferred=trainee.preferred)
        chats = read_chats(recipe, conversations)

        def training(stage: str, point: Point, steps: int) -> None:
            share = min(1.0, point.step / max(1, steps))
            first = 0.3 if stage == "dpo" and "sft" in recipe.stages else 0.0
            within(f"{stage} (loss {point.loss:.3f})", first + 0.3 * share)

        where.mkdir(parents=True, exist_ok=True)
        train_aloe(
            language,
            conversations,
            recipe.training,
            seed=seed,
            out=where,
            chats=chats,
            stages=recipe.stages,
            report=training,
        )
        models = {"sft": f"lm:{where / 'sft_model'}"} if trainee.name == DEFAULT else {}
        return models | {"+".join(recipe.stages): f"lm:{where / 'adapter'}"}

    def _talk(
        self,
        method: str,
        seed: int,
        model: str,
        key: str,
        lengths: Sequence[AloeConfig],
        within: Within,
        start: float,
        share: float,
    ) -> list[dict[str, Any]]:
        """Grades `[case, turn]` and failures, for each length of talks."""
        found = []
        for settings, world in zip(lengths, self.worlds, strict=False):
            told = content_hash(key, method, settings.turns)
            contender = Contender(method, seed, told, lambda: self.means.open(model))
            measured = measure(
                world.people,
                world.user,
                world.grader,
                contender,
                settings,
                folder=self.folder,
                run=self.means.run,
                guard=self.means.guard,
                within=lambda what, done: within(f"{method}: {what}", start + share * done),
            )
            grades = [[None if np.isnan(g) else float(g) for g in row] for row in measured.table]
            found.append({"grades": grades, "failures": measured.lost})
        return found


def _decides(settings: AloeConfig) -> dict[str, Any]:
    """Settings that decide a grade."""
    free = ("concurrency", "timeout", "api_key_env", "price_in", "price_out", "max_cost", "resamples", "proof")
    return {name: value for name, value in asdict(settings).items() if name not in free}


# What is counted

Parts = Mapping[tuple[str, int], Mapping[str, Any]]
"""What cells stored: by the training's name (empty: the base's) and seed, a list over lengths of talks a method."""


def _results(
    config: AloePaperConfig,
    bench: _Bench,
    parts: Parts,
    trained: Sequence[Trainee],
    forecast: Forecast,
    conversations: int,
) -> dict[str, Any]:
    """The content of `results.json` but for the times."""
    world, cases = bench.worlds[0], [p.id for p in bench.worlds[0].people]
    main = tables(_main(config, parts, 0), cases, base=BASE, resamples=config.asking.resamples)
    longer = None
    if len(bench.worlds) > 1:
        people = [p.id for p in bench.worlds[1].people]
        counted = tables(_main(config, parts, 1), people, base=BASE, resamples=config.asking.resamples)
        longer = {"turns": config.more_turns, **counted}
    ablated = {(DEFAULT, seed): _array(parts[DEFAULT, seed]["sft+dpo"][0]) for seed in range(config.seeds)}
    ablated |= {
        (t.name, seed): _array(next(iter(parts[t.name, seed].values()))[0])
        for t in trained[1:]
        for seed in range(config.seeds)
    }
    ablations = tables(ablated, cases, base=DEFAULT, resamples=config.asking.resamples) if len(trained) > 1 else None
    if ablations:
        ablations["paired"] = [row for row in ablations["paired"] if DEFAULT in (row["a"], row["b"])]
    failures = [
        {"training": name, "seed": seed, "method": method, **failure}
        for (name, seed), part in parts.items()
        for method, lengths in part.items()
        for length in lengths
        for failure in length["failures"]
    ]
    return {
        "schema": SCHEMA,
        "command": "reproduce",
        "reproduces": "aloe",
        "version": __version__,
        "config": asdict(config),
        "data": {
            "name": config.data,
            "train": conversations,
            "test": len(cases),
            "sha256": content_hash([[p.profile, p.personality] for p in world.people]),
        },
        "plan": {"cells": dict(forecast.cells), "at_most": 0},
        "power": forecast.power._asdict(),
        **main,
        "longer": longer,
        "ablations": ablations,
        "paper": {"figures": aloe_figures(main), "set_up": aloe_set_up(config, conversations, len(cases))},
        "grader": world.grader.describe() | {"proof": world.proof._asdict() if world.proof else None},
        "failures": failures,
    }


def _main(config: AloePaperConfig, parts: Parts, length: int) -> dict[tuple[str, int], Array]:
    """Grades of the base and of both stages with the default settings."""
    found = {(BASE, 0): _array(parts["", 0][BASE][length])}
    for method in ("sft", "sft+dpo"):
        found |= {(method, seed): _array(parts[DEFAULT, seed][method][length]) for seed in range(config.seeds)}
    return found


def _array(part: Mapping[str, Any]) -> Array:
    return np.array([[np.nan if grade is None else grade for grade in row] for row in part["grades"]])
