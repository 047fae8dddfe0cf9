"""The papers' own figures beside ours, and every difference in set-up, named.

A figure of ours is never the same measurement as the paper's: other models, other data. It stands beside it so that a
reader sees what was claimed, what was found here, and why the two need not agree.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from counterpoint.evaluation.compare_config import ENCODER
from counterpoint.evaluation.history.counting import GAIN
from counterpoint.evaluation.reproduce.open_answers import OpenAnswers
from counterpoint.evaluation.reproduce.pft_config import PftConfig
from counterpoint.evaluation.reproduce.pft_material import FRACTIONS, Material
from counterpoint.models.bases import LARGE, SMALL
from counterpoint.models.encoder import base_of
from counterpoint.training.lm.settings import LmTraining

Row = dict[str, Any]


def figure(what: str, paper: float | None, unit: str, found: Mapping[str, Any] | None, note: str) -> Row:
    """A line of the table: the paper's figure, ours with its interval (null where not measured), why they differ."""
    ends = {"ours": "mean", "ci_low": "ci_low", "ci_high": "ci_high"}
    own = {name: None if found is None else found.get(key) for name, key in ends.items()}
    return {"what": what, "paper": paper, "unit": unit, **own, "note": note}


def aspect(name: str, paper: str, ours: str) -> Row:
    """A line of the set-up; `same` where nothing differs."""
    return {"aspect": name, "paper": paper, "ours": ours, "same": paper == ours}


# PFT, arXiv 2604.12479

BEST_CHOICE, BEST_OPEN, GAIN_FROM_HISTORY = 0.9667, 8.69, 0.4476
PAPER_HISTORY = 3
"""Past choices in the paper's experiment."""


def pft_figures(
    tables: Mapping[str, Any], history: Mapping[str, Any] | None, config: PftConfig, answers: OpenAnswers | None
) -> list[Row]:
    """The paper's three headlines, and the parts of them that can be told apart here."""
    main = {(row["method"], row["metric"]): row for row in tables["summary"]}
    poles = [row for row in tables["per_pole"] if row["method"] == "pft" and row["mean"] is not None]
    best = max(poles, key=lambda row: row["mean"], default=None)
    shuffled = "ours is a mean over poles with options shuffled; the paper's is the best of its cells"
    rows = [
        figure("multi-choice accuracy, PFT", BEST_CHOICE, "share", main.get(("pft", "acc_one")), shuffled),
        figure(
            f"the same, best pole ({best['pole']})" if best else "the same, best pole",
            BEST_CHOICE,
            "share",
            best,
            "the best of many is too high by selection, in the paper as here; no width: all were right",
        ),
        figure(
            "open-ended score, PFT",
            BEST_OPEN,
            "of 10",
            answers.score if answers else None,
            f"a mean over poles, where the paper's is the best of its cells; graded by {answers.judge}"
            if answers
            else "not measured here: free answers need a judge (--open)",
        ),
    ]
    if history is None:
        return rows
    after = PAPER_HISTORY if PAPER_HISTORY in config.history.histories else max(config.history.histories)
    gains = {
        row["method"]: row
        for row in history["summary"]
        if (row["metric"], row["history"], row["noise"]) == (GAIN, after, 0.0)
    }
    for name, what in (("belief", "a belief"), ("in_context", "the choices in the prompt")):
        rows.append(
            figure(
                f"gain in alignment over single-preference models after {after} choices, PFT with {what}",
                GAIN_FROM_HISTORY,
                "relative",
                gains.get(name),
                "the paper's way of reading a history is the prompt"
                if name == "in_context"
                else "ours, not the paper's",
            )
        )
    return rows


def pft_set_up(config: PftConfig, material: Material, answers: OpenAnswers | None) -> list[Row]:
    """Everything in which this run is not the paper's."""
    data, fold = material.data, material.folds[0]
    methods = ", ".join(config.methods)
    rows = [
        aspect(
            "training data",
            "VCD, up to 1,000 dilemmas a domain, not published",
            f"{data.name}, {len(fold.train)} dilemmas in all",
        ),
        aspect(
            "test data",
            "VCD's test file, 1,393 dilemmas",
            f"{len(fold.test)} dilemmas a seed, {material.tested} in all",
        ),
        aspect(
            "division",
            "one; no validation part is told of",
            f"{'/'.join(f'{100 * f:.0f}' for f in FRACTIONS)} by scenario, seeds "
            f"{config.split_seed} to {config.split_seed + config.seeds - 1}",
        ),
        aspect("runs", "1", f"{config.seeds}, each with a division of its own"),
        aspect(
            "order of options",
            "as written; the first-named pole is first in 86%",
            "shuffled, in training and in testing",
        ),
        aspect("settings", "one set", _chosen(config)),
        aspect("methods", "base, PFT, SFT and DPO on either pole and both, CAA, in-context examples", methods),
        *(_encoder(config) if config.model == ENCODER else _language_model(config)),
        aspect("open-ended answers", "scored 0 to 10 by a judge", _open(answers)),
        aspect("retention", "MMLU and TruthfulQA before and after", "none in this run"),
        aspect("family outside VCD", "none", _family(material)),
    ]
    return rows + (_history(config, material) if material.lives else [])


def _open(answers: OpenAnswers | None) -> str:
    if answers is None:
        return "none in this run"
    return f"a run of its own, with training parts of its own: {answers.asked}, scored 0 to 10 by {answers.judge}"


def _chosen(config: PftConfig) -> str:
    if "ablations" not in config.parts:
        return "the defaults"
    return "the defaults; beside them each seed's best of the ablations on its validation part"


def _encoder(config: PftConfig) -> list[Row]:
    fit = config.fit
    size = {SMALL: 22, LARGE: 109}[base_of(config.encoder, fit.finetune)]
    how = "frozen, under a linear head"
    if fit.finetune:
        how = f"its upper {fit.layers} layers fine-tuned" + (f", {fit.members} times" if fit.members > 1 else "")
    steps = f"AdamW {fit.learning_rate:g} and L-BFGS for heads" if fit.finetune else "L-BFGS to the optimum"
    return [
        aspect("model", "instruct models of 3 to 8 billion weights", f"a sentence encoder of {size} million, {how}"),
        aspect("what is trained", "LoRA, rank 8, alpha 32, dropout 0.05, attention", "a head over (option, pole)"),
        aspect("response", "the choice with its explanation, in tokens", "an option's share among the options"),
        aspect("optimiser", "AdamW 5e-5, linear schedule, 100 warm-up steps, batch 4 x 4", steps),
        aspect("epochs", "3; DPO 10", str(fit.epochs) if fit.finetune else "does not apply"),
        aspect(
            "order of the prompt", "the pole before the scenario", "options are read by themselves, poles by themselves"
        ),
        aspect("answers", "written, at temperature 0.1, top-p 0.9", "the likeliest option"),
        aspect("PFT against SFT on both poles", "differ in training", _tie(config)),
    ]


def _tie(config: PftConfig) -> str:
    return (
        "differ in the tuned part" if config.fit.finetune else "have the same optimum on a frozen encoder, so they tie"
    )


def _language_model(config: PftConfig) -> list[Row]:
    lm, paper = config.lm, LmTraining()
    own = lm.training
    names = {"pole_first": "the pole before the scenario", "scenario_first": "the scenario before the pole"}
    answers = "written" if lm.reading == "generation" else f"the likeliest, read from {lm.reading.replace('_', ' ')}"
    return [
        aspect("model", "instruct models of 3 to 8 billion weights", config.model),
        aspect("what is trained", _lora(paper), _lora(own)),
        aspect("optimiser", _optimiser(paper), _optimiser(own)),
        aspect("epochs", "3; DPO 10", f"{own.epochs}, DPO as well" if own.steps is None else f"{own.steps} steps"),
        aspect("longest sequence", "512 tokens, cut", f"{own.max_tokens} tokens, longer ones: {own.too_long}"),
        aspect("order of the prompt", names["pole_first"], names[own.layout]),
        aspect("answers", "written, at temperature 0.1, top-p 0.9", answers),
    ]


def _lora(training: LmTraining) -> str:
    lora = training.lora
    where = "attention" if lora.modules == LmTraining().lora.modules else ", ".join(lora.modules)
    return f"LoRA, rank {lora.rank}, alpha {lora.alpha:g}, dropout {lora.dropout:g}, {where}"


def _optimiser(training: LmTraining) -> str:
    return (
        f"AdamW {training.learning_rate:g}, {training.schedule} schedule, "
        f"{training.warmup_steps} warm-up steps at most, batch {training.batch} x {training.accumulate}"
    )


def _family(material: Material) -> str:
    if material.held_out is not None:
        size = len(material.held_out)
        return f"{material.held_out.name}, {size} dilemmas, asked of models trained on {material.data.name}"
    return "each value pair, asked of models trained on the others" if material.left_out else "none in this run"


def _history(config: PftConfig, material: Material) -> list[Row]:
    assert material.lives is not None
    lengths = ", ".join(map(str, config.history.histories))
    return [
        aspect("past choices", str(PAPER_HISTORY), lengths),
        aspect(
            "whose past choices",
            "users of single preferences",
            f"{config.history.people} simulated people a seed, each on one pole, who choose by the options' labels",
        ),
        aspect(
            "dilemmas of the histories",
            "not told",
            f"{len(material.lives.test)} that nothing is trained on, {material.lives.share:.0%} of the data "
            "(a division of its own)",
        ),
    ]
