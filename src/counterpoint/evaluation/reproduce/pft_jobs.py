"""The cells of `reproduce pft`: what each trains, what it is asked, and what decides its numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from counterpoint.evaluation.compare import answer_from, content
from counterpoint.evaluation.compare_config import ENCODER, CompareConfig
from counterpoint.evaluation.metrics import Answer, measure
from counterpoint.evaluation.reproduce.cells import Job, Within, cell_of
from counterpoint.evaluation.reproduce.costs import seconds_of
from counterpoint.evaluation.reproduce.pft_config import PftConfig
from counterpoint.evaluation.reproduce.pft_material import Fold, LeftOut, Material
from counterpoint.evaluation.reproduce.variants import DEFAULT, Variant, variants
from counterpoint.evaluation.reproduce.workshop import Workshop, asked, asked_twice
from counterpoint.training.learner import BASE
from counterpoint.training.lm.config import CAA, ICL
from counterpoint.types import DataSet, Dilemma, Taxonomy, content_hash

TUNED = "pft_tuned"
"""PFT with the setting that did best on the seed's validation part."""

ELSEWHERE = (BASE, "pft")
"""Methods that are asked about a value pair left out of training."""

KNOW_ONLY_THEIR_PAIRS = (ICL, CAA)
"""Methods that need past choices or activations of the value pair that is asked about."""

Key = tuple[str, str, int]
"""Kind, name (a method, a variant, a value pair with a method), seed."""


@dataclass
class Jobs:
    """Everything to be done, by what it is for."""

    by_key: dict[Key, Job] = field(default_factory=dict)

    def add(self, key: Key, job: Job) -> None:
        """One more."""
        self.by_key[key] = job

    def parts(self, kind: str, found: Mapping[str, Any]) -> dict[tuple[str, int], Any]:
        """Finished parts of a kind by name and seed."""
        return {key[1:]: found[job.cell.key] for key, job in self.by_key.items() if key[0] == kind}


def plan_jobs(config: PftConfig, material: Material, workshop: Workshop) -> tuple[Jobs, list[Variant]]:
    """All cells but those that depend on others (`tuned_jobs`), seed by seed, and the ablations' variants."""
    planner = _Planner(config, material, workshop)
    jobs, settings = Jobs(), config.training
    tried = variants(settings, factors=config.ablations, most=config.variants) if "ablations" in config.parts else []
    for fold in material.folds:
        for method in config.methods:
            jobs.add(("method", method, fold.seed), planner.method(method, fold))
        for variant in tried:
            jobs.add(("ablation", variant.name, fold.seed), planner.ablation(variant, fold))
    for left in material.left_out:
        for method in ELSEWHERE:
            jobs.add(("left_out", f"{left.value_pair}, {method}", left.seed), planner.left_out(method, left))
    return jobs, tried


def tuned_jobs(
    config: PftConfig, material: Material, workshop: Workshop, tried: Sequence[Variant], choice: Mapping[int, str]
) -> Jobs:
    """The chosen variants' test; a seed whose choice is the default has nothing more to do."""
    planner, jobs = _Planner(config, material, workshop), Jobs()
    by_name = {variant.name: variant for variant in tried}
    for fold in material.folds:
        if choice[fold.seed] != DEFAULT:
            jobs.add(("tuned", TUNED, fold.seed), planner.tuned(by_name[choice[fold.seed]], fold))
    return jobs


def choose(jobs: Jobs, found: Mapping[str, Any], tried: Sequence[Variant], seeds: int) -> dict[int, str]:
    """Each seed's best setting on its own validation part: by Acc_one, then likelihood; the default wins ties."""
    methods, ablations = jobs.parts("method", found), jobs.parts("ablation", found)
    chosen = {}
    for seed in range(seeds):
        candidates = {DEFAULT: methods["pft", seed]["validation"]}
        candidates |= {variant.name: ablations[variant.name, seed]["validation"] for variant in tried}
        chosen[seed] = max(candidates, key=lambda name: _merit(candidates[name]["answers"]))
    return chosen


def _merit(records: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    """Mean over poles of Acc_one, and of the log-likelihood (0 where answers are words)."""
    answers = answers_from(records)
    poles = [measure([a for a in answers if a.pole == pole]) for pole in dict.fromkeys(a.pole for a in answers)]

    def mean(metric: str) -> float:
        known = [value for pole in poles if (value := pole[metric].value) is not None]
        return round(sum(known) / len(known), 9) if known else 0.0

    return mean("acc_one"), -mean("nll")


def answers_from(records: Sequence[Mapping[str, Any]]) -> tuple[Answer, ...]:
    """Stored answers."""
    return tuple(map(answer_from, records))


class _Planner:
    """Makes cells; hashes of long texts are made once."""

    def __init__(self, config: PftConfig, material: Material, workshop: Workshop) -> None:
        self.config, self.material, self.workshop = config, material, workshop
        self.settings = config.training
        self.taxonomy = material.data.taxonomy
        self._read = {
            (fold.seed, name): _texts(material.data, getattr(fold, name))
            for fold in material.folds
            for name in ("train", "validation", "test")
        }
        self._held_out = _texts(material.held_out, material.held_out.dilemmas) if material.held_out else ""

    def method(self, method: str, fold: Fold) -> Job:
        """A row of the main table: validation, test in two orders, and the other family."""
        held_out = self._elsewhere(method)
        decides = [*self._decides(self.settings, method, fold), self._seen(fold, "validation", "test")]
        decides.append(self._held_out if held_out else "")
        seconds = self._seconds(self.settings, method, fold, 2 * len(fold.test) + len(fold.validation), held_out)

        def do(within: Within) -> dict[str, Any]:
            scorer, points, _ = self.workshop.train(
                self.settings, method, fold.train, self.taxonomy, seed=fold.seed, within=within
            )
            within("asking", 0.8)
            part: dict[str, Any] = {
                "curve": [{"step": p.step, "epoch": round(p.epoch, 4), "loss": round(p.loss, 6)} for p in points],
                "validation": asked(self.settings, scorer, fold.validation, self.taxonomy, fold.seed),
                "test": asked_twice(self.settings, scorer, fold.test, self.taxonomy, fold.seed),
            }
            if held_out:
                within("asking the other family", 0.9)
                part["held_out"] = asked(self.settings, scorer, held_out.dilemmas, held_out.taxonomy, fold.seed)
            return part

        return Job(cell_of("method", f"{method}, seed {fold.seed}", decides, seconds), do)

    def ablation(self, variant: Variant, fold: Fold) -> Job:
        """PFT with one thing changed, asked the validation part only."""
        train = _share(fold, variant.share)
        decides = [*self._decides(variant.settings, "pft", fold), variant.share, self._seen(fold, "validation")]
        seconds = self._seconds(variant.settings, "pft", replace_train(fold, train), len(fold.validation))

        def do(within: Within) -> dict[str, Any]:
            scorer = self.workshop.train(
                variant.settings, "pft", train, self.taxonomy, seed=fold.seed, within=within
            ).scorer
            return {"validation": asked(variant.settings, scorer, fold.validation, self.taxonomy, fold.seed)}

        return Job(cell_of("ablation", f"{variant.name}, seed {fold.seed}", decides, seconds), do)

    def tuned(self, variant: Variant, fold: Fold) -> Job:
        """The setting chosen on the validation part, asked the test part."""
        train = _share(fold, variant.share)
        decides = [*self._decides(variant.settings, "pft", fold), variant.share, self._seen(fold, "test")]
        decides.append(self._held_out)
        seconds = self._seconds(variant.settings, "pft", replace_train(fold, train), 2 * len(fold.test))
        held_out = self.material.held_out

        def do(within: Within) -> dict[str, Any]:
            scorer = self.workshop.train(
                variant.settings, "pft", train, self.taxonomy, seed=fold.seed, within=within
            ).scorer
            part = {"test": asked_twice(variant.settings, scorer, fold.test, self.taxonomy, fold.seed)}
            if held_out:
                part["held_out"] = asked(variant.settings, scorer, held_out.dilemmas, held_out.taxonomy, fold.seed)
            return part

        return Job(cell_of("tuned", f"{variant.name} tested, seed {fold.seed}", decides, seconds), do)

    def left_out(self, method: str, left: LeftOut) -> Job:
        """Asked every dilemma about a value pair that is not trained on."""
        data = self.material.data
        decides = [*_of(self.settings), method, left.seed, _texts(data, left.train), _texts(data, left.asked)]
        decides.append([asdict(pair) for pair in left.taxonomy])
        seconds = seconds_of(self.settings, method, trained=len(left.train), asked=len(left.asked))

        def do(within: Within) -> dict[str, Any]:
            scorer = self.workshop.train(
                self.settings, method, left.train, left.taxonomy, seed=left.seed, within=within
            ).scorer
            return asked(self.settings, scorer, left.asked, data.taxonomy, left.seed)

        return Job(cell_of("left_out", f"{method} without {left.value_pair}, seed {left.seed}", decides, seconds), do)

    def _elsewhere(self, method: str) -> DataSet | None:
        return None if method in KNOW_ONLY_THEIR_PAIRS else self.material.held_out

    def _decides(self, settings: CompareConfig, method: str, fold: Fold) -> list[object]:
        pairs = [asdict(pair) for pair in self.taxonomy]
        return [*_of(settings), method, fold.seed, pairs, self._read[fold.seed, "train"]]

    def _seen(self, fold: Fold, *names: str) -> list[str]:
        return [self._read[fold.seed, name] for name in names]

    def _seconds(
        self, settings: CompareConfig, method: str, fold: Fold, questions: int, held_out: DataSet | None = None
    ) -> float:
        asked_of = questions + (len(held_out) if held_out else 0)
        return seconds_of(settings, method, trained=len(fold.train), asked=asked_of)


def replace_train(fold: Fold, train: tuple[Dilemma, ...]) -> Fold:
    """The fold with other training dilemmas."""
    return fold._replace(train=train)


def _share(fold: Fold, share: float) -> tuple[Dilemma, ...]:
    """A share of the training dilemmas of each value pair, those first in an order drawn by their content."""
    if share == 1:
        return fold.train
    kept: set[str] = set()
    for pair in dict.fromkeys(d.value_pair for d in fold.train):
        own = sorted((d for d in fold.train if d.value_pair == pair), key=lambda d: content_hash("share", d.digest))
        kept |= {d.id for d in own[: max(1, round(share * len(own)))]}
    return tuple(d for d in fold.train if d.id in kept)


def _of(settings: CompareConfig) -> list[object]:
    """The settings that a training and its asking read."""
    own = settings.encoder, settings.fit
    told = [asdict(part) for part in (own if settings.model == ENCODER else (settings.lm,))]
    return [settings.model, told]


def _texts(data: DataSet | None, dilemmas: Sequence[Dilemma]) -> str:
    """Hash of all that is read and held to be right, in its order."""
    assert data is not None
    taxonomy: Taxonomy = data.taxonomy
    return content_hash([asdict(pair) for pair in taxonomy], content(replace(data, dilemmas=tuple(dilemmas))))
