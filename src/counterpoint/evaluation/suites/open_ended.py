"""Open questions answered in words for either pole and judged (PFT, arXiv 2604.12479): `vcd_open`, `bqd_open`.

    score       0 to 10: how far the answer shows the pole asked for
    opposite    the same answer judged for the opposite pole: a control; a pole judge's is 10 - score by construction
    contrast    score minus what the answer to the opposite request is given for this pole: a judge that likes a side,
                or a model that always takes the same one, gets 0
    log_perplexity
                of the reply under the model without adapter, nats a token: fluency
    words       of the reply; judges may like long ones

The grader is proved first: the judge must grade gold option texts above their opposites in at least `threshold` of
cases, among the dilemmas asked or, for questions that never had options, among A/B questions of the same behaviours;
what it reached stands beside every number. A verdict that couldn't be had is a failure of that
sample: counted, and in no mean.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from counterpoint import __version__
from counterpoint.data.split import scenario_key
from counterpoint.errors import BadInputError
from counterpoint.evaluation.compare import SCHEMA
from counterpoint.evaluation.foresight import foresee_questions, told
from counterpoint.evaluation.judge import Judge, JudgeItem, about_pole
from counterpoint.evaluation.judging.opening import JudgeConfig
from counterpoint.evaluation.judging.pole_judge import asked_of
from counterpoint.evaluation.judging.rubrics import POLE_SHOWN
from counterpoint.evaluation.judging.variance import Components
from counterpoint.evaluation.method_labels import label_methods
from counterpoint.evaluation.opened.answering import Answerer, Question, Shown, Written
from counterpoint.evaluation.opened.counting import METRICS, Graded, row_of, scores_of, variances
from counterpoint.evaluation.opened.proving import Proof, prove_judge, refuse_unproved
from counterpoint.evaluation.opened.raters import agreement, read_labels
from counterpoint.evaluation.power import Plan
from counterpoint.evaluation.progress import Report, Stage
from counterpoint.evaluation.suite_counts import Counts
from counterpoint.evaluation.suite_models import SuiteConfig
from counterpoint.evaluation.suite_run import FAILURES, Within
from counterpoint.evaluation.tables import rounded
from counterpoint.models.decoding import Decoding
from counterpoint.runlog import RunFolder
from counterpoint.types import DataSet, Dilemma

CHUNK = 16
"""Dilemmas that are kept on disk together."""


@dataclass(frozen=True)
class OpenConfig(SuiteConfig):
    """What decides the suite's numbers beside its data."""

    judge: JudgeConfig = field(default_factory=JudgeConfig)
    """Who grades."""
    also: tuple[str, ...] = ()
    """Further judges, named as `judge.who`, who grade the same answers: how far they agree is reported."""
    labels: str = ""
    """File of people's ratings, to be compared with the judge's: this run's `predictions.jsonl` with a `label`, 0 to
    10, in some of its lines."""
    shown: Shown = "question"
    """`question`: scenario and open question. `options`: the options too, for models that know no other form, such as
    lm:tiny; the text of the option chosen is then judged with the reason given."""
    answers: int = 1
    """Answers drawn to each question by each seed."""
    temperature: float = 0.1
    """Of answers; the paper's."""
    top_p: float = 0.9
    """Of answers; the paper's."""
    max_new_tokens: int = 160
    """A longer answer is cut."""
    proof: int = 40
    """Dilemmas at most on whose options the judge is proved."""
    threshold: float = 0.7
    """Share of proof cases that the judge must get right."""
    questions: int = 200
    """Dilemmas asked at most, evenly over the file."""
    split_seed: int = 0
    """Of all divisions by scenario: asked, judge's labels, trained on."""
    test_fraction: float = 0.4
    """Share of scenarios asked where one set of dilemmas is all there is."""
    max_cost: float | None = None
    """US dollars that an endpoint's answers may cost."""

    @property
    def decoding(self) -> Decoding:
        """How answers are drawn."""
        return Decoding(self.temperature, self.top_p, self.max_new_tokens)


@dataclass(frozen=True)
class Contestant:
    """Somebody who answers."""

    method: str
    answerer: Callable[[int, Within], Answerer]
    """Makes the one of a seed; called only where something is left to ask."""


def check_open(config: OpenConfig) -> None:
    """Refuse settings that can't work."""
    for name in ("answers", "proof", "questions", "seeds"):
        if getattr(config, name) < 1:
            raise BadInputError(f"{name} must be at least 1 (got {getattr(config, name)})")
    if not 0.5 <= config.threshold <= 1:
        raise BadInputError(f"threshold must lie between 0.5, a coin's, and 1 (got {config.threshold})")
    if config.judge.repeats < 1:
        raise BadInputError(f"judge.repeats must be at least 1 (got {config.judge.repeats})")


def run_open(
    data: DataSet,
    contestants: Sequence[Contestant],
    judge: Judge,
    config: OpenConfig,
    *,
    folder: RunFolder,
    said: Mapping[str, Any],
    suite: str = "vcd_open",
    proved_on: Sequence[Dilemma] = (),
    others: Sequence[Judge] = (),
    announce: Callable[[Plan], None] | None = None,
    report: Report | None = None,
) -> dict[str, Any]:
    """The whole suite; writes and returns `results.json`.

    Args:
        data: what is asked.
        contestants: who is asked.
        judge: who grades.
        config: the settings.
        folder: keeps what was answered and graded.
        said: what the record says of settings.
        suite: its name.
        proved_on: dilemmas on whose options the judge is proved; those asked where none are given.
        others: further judges, whose agreement with `judge` is reported.
        announce: told, before anything is asked, what the run can show.
        report: told of progress.

    Raises:
        BadInputError: the judge fails its proof, or nobody has a verdict.
    """
    began, tell = time.perf_counter(), report or (lambda _: None)
    check_open(config)
    asked = _spread(data.dilemmas, config.questions)
    power = foresee_questions(len({scenario_key(d) for d in asked}), len(contestants))
    if power and announce:
        announce(power)
    tell(Stage(f"proving {judge.name}", 0.0))
    proof = _proof(judge, data, proved_on or asked, config, folder)
    refuse_unproved(proof, judge)
    run = _Run(data, judge, config, folder)
    answers: list[Graded] = []
    failures: list[dict[str, Any]] = []
    stand_in: dict[str, str] = {}
    jobs = [(contestant, seed) for seed in range(config.seeds) for contestant in contestants]
    for number, (contestant, seed) in enumerate(jobs):

        def within(
            what: str, share: float, number: int = number, seed: int = seed, who: str = contestant.method
        ) -> None:
            tell(Stage(f"{who}, seed {seed}: {what}", 0.95 * (number + share) / len(jobs)))

        for part in run.parts(contestant, seed, asked, within):
            answers += [_graded(row) for row in part["answers"]]
            failures += [{"method": contestant.method, "seed": seed, **failed} for failed in part["failed"]]
            if part["stand_in"]:
                stand_in[contestant.method] = part["stand_in"]
    labels = read_labels(Path(config.labels), answers) if config.labels else None
    tell(Stage("asking others", 0.95))
    agreed = agreement(answers, data, judge.name, others, labels)
    tell(Stage("resampling for intervals and p-values", 0.96))
    results = {
        "schema": SCHEMA,
        "command": "evaluate",
        "version": __version__,
        "suite": suite,
        "config": dict(said),
        "data": {"train": said["trained_on_count"], "test": len(asked), "sha256": data.digest, "parts": said["parts"]},
        "power": told(power),
        **_tables(answers, failures, data, [c.method for c in contestants], config.seeds, judge, proof),
        "agreement": agreed,
        "stand_in": stand_in,
        "failures": failures,
        "seconds": {"total": round(time.perf_counter() - began, 1)},
    }
    folder.write_lines("predictions.jsonl", map(row_of, answers))
    folder.write_json("results.json", results)
    folder.log("finished", results["seconds"])
    tell(Stage("done", 1.0))
    return results


class _Run:
    """Asks and grades chunk by chunk, and keeps what came of it."""

    def __init__(self, data: DataSet, judge: Judge, config: OpenConfig, folder: RunFolder) -> None:
        self.data, self.judge, self.config, self.folder = data, judge, config, folder

    def parts(
        self, contestant: Contestant, seed: int, asked: Sequence[Dilemma], within: Within
    ) -> list[dict[str, Any]]:
        """Every chunk's part; those of an earlier run are taken over where nothing in them failed."""
        answerer: Answerer | None = None
        found = []
        for start in range(0, len(asked), CHUNK):
            name = f"{contestant.method}-seed{seed}-{start}"
            part = self.folder.part(name)
            if part is None or part["failed"]:
                answerer = answerer or contestant.answerer(seed, within)
                within("asking and judging", 0.5 + 0.5 * start / len(asked))
                part = self._chunk(contestant.method, seed, answerer, asked[start : start + CHUNK])
                self.folder.save_part(name, part)
            found.append(part)
        return found

    def _chunk(self, method: str, seed: int, answerer: Answerer, dilemmas: Sequence[Dilemma]) -> dict[str, Any]:
        """Answers and verdicts; where asking fails, dilemma by dilemma, so that one failure costs no other."""
        questions = [
            Question(d, pole, seed * self.config.answers + draw)
            for d in dilemmas
            for pole in self.data.taxonomy.by_name[d.value_pair].poles
            for draw in range(self.config.answers)
        ]
        try:
            written = answerer.answer(questions)
        except FAILURES as error:
            if len(dilemmas) > 1:
                parts = [self._chunk(method, seed, answerer, [d]) for d in dilemmas]
                joined = {key: [item for part in parts for item in part[key]] for key in ("answers", "failed")}
                return {**joined, "stand_in": answerer.stand_in}
            failed = [{"sample": dilemmas[0].id, "error": f"{type(error).__name__}: {error}"}]
            return {"answers": [], "failed": failed, "stand_in": answerer.stand_in}
        rows, failed = self._judge(method, seed, list(zip(questions, written, strict=True)))
        return {"answers": rows, "failed": failed, "stand_in": answerer.stand_in}

    def _judge(
        self, method: str, seed: int, written: Sequence[tuple[Question, Written]]
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Every answer judged for both poles. An empty one says nothing of either and is not sent."""
        taxonomy, repeats = self.data.taxonomy, self.config.judge.repeats
        items, places = [], []
        for i, (question, answer) in enumerate(written):
            pair = taxonomy.by_name[question.dilemma.value_pair]
            for pole in pair.poles if answer.text else ():
                key = f"{i}|{pole.name}"
                items.append(JudgeItem(key, asked_of(question.dilemma), answer.text, about_pole(pair, pole)))
                places.append((i, pole.name))
        verdicts = self.judge.grade(POLE_SHOWN, items, repeats=repeats)
        scores: list[dict[str, list[float | None]]] = [{} for _ in written]
        failed = [
            {"sample": q.dilemma.id, "pole": q.pole.name, "error": "empty answer"} for q, a in written if not a.text
        ]
        for number, (i, pole_name) in enumerate(places):
            own = verdicts[number * repeats : (number + 1) * repeats]
            scores[i][pole_name] = [verdict.score for verdict in own]
            asked = written[i][0]
            failed += [
                {"sample": asked.dilemma.id, "pole": asked.pole.name, "judged_for": pole_name, "error": v.error}
                for v in own
                if v.error
            ]
        rows = [
            row_of(
                Graded(
                    method,
                    seed,
                    question.dilemma.id,
                    question.dilemma.value_pair,
                    scenario_key(question.dilemma),
                    question.pole.name,
                    question.seed % self.config.answers,
                    answer.text,
                    answer.words,
                    answer.log_perplexity,
                    scores[i],
                )
            )
            for i, (question, answer) in enumerate(written)
        ]
        return rows, failed


def _tables(
    answers: Sequence[Graded],
    failures: Sequence[Mapping[str, Any]],
    data: DataSet,
    methods: Sequence[str],
    seeds: int,
    judge: Judge,
    proof: Proof,
) -> dict[str, Any]:
    taxonomy = data.taxonomy
    opposite = {pole.name: pair.other(pole.name).name for pair in taxonomy for pole in pair.poles}
    scores = list(scores_of(answers, opposite))
    if not any(score.metric == "score" for score in scores):
        first = f" The first failure: {failures[0]['error']}" if failures else ""
        raise BadInputError(f"judge {judge.name} gave no verdict on any answer.{first}")
    counts = Counts(scores, methods, range(seeds))
    labels = {name: label.label for name, label in label_methods(list(methods)).items()}
    beside = {"judge": judge.name, "judge_proof": proof.rate, "judge_kappa": proof.kappa}
    lost = {method: sum(f["method"] == method for f in failures) for method in methods}
    summary = [
        {**row, "failed": lost[row["method"]], **(beside if row["metric"] in METRICS[:3] else {})}
        for row in counts.summary([m for m in METRICS if m in counts.metrics])
    ]
    pairs = dict.fromkeys(score.stratum for score in scores)
    by_pair = {pair: Counts([s for s in scores if s.stratum == pair], methods, range(seeds)) for pair in pairs}
    return {
        "rows": [
            {**row, "pole": row["group"], "value_pair": taxonomy.by_pole[row["group"]].name} for row in counts.rows()
        ],
        "summary": summary,
        "paired": counts.paired([m for m in ("score", "contrast") if m in counts.metrics], labels),
        "per_value_pair": [
            {"value_pair": pair, **row} for pair, own in by_pair.items() for row in own.summary(["score", "contrast"])
        ],
        "judge": {**judge.describe(), "rubric": POLE_SHOWN.reference, "proof": asdict(proof)},
        "variance": [{"method": method, **_rounded(found)} for method, found in variances(answers).items()],
    }


def _rounded(found: Components) -> dict[str, float | int | None]:
    return {name: rounded(value) if isinstance(value, float) else value for name, value in asdict(found).items()}


def _proof(judge: Judge, data: DataSet, shown: Sequence[Dilemma], config: OpenConfig, folder: RunFolder) -> Proof:
    """Of an earlier run, or a new one, which is kept."""
    kept = folder.part("proof")
    if kept is not None and not kept["failed"]:
        return Proof(**{**kept, "threshold": config.threshold})
    proof = prove_judge(judge, shown, data.taxonomy, most=config.proof, threshold=config.threshold)
    folder.save_part("proof", asdict(proof))
    return proof


def _graded(row: Mapping[str, Any]) -> Graded:
    return Graded(**row)


def _spread(dilemmas: Sequence[Dilemma], most: int) -> list[Dilemma]:
    """At most so many, evenly over the file."""
    if len(dilemmas) <= most:
        return list(dilemmas)
    return [dilemmas[i * len(dilemmas) // most] for i in range(most)]
