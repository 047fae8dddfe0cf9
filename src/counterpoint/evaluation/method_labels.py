"""How each method is called, explained and drawn: one name, one sentence, one mark, the same in every table and chart.

Colour says the family (PFT, SFT, DPO, rules), shape says the side (up: positive, down: negative, diamond: both), a
hollow mark says DPO or untrained. No two methods share a mark, so colour is never needed to tell them apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

Shape = Literal["circle", "up", "down", "diamond", "square", "cross", "plus", "hexagon"]


@dataclass(frozen=True)
class MethodLabel:
    """What a reader sees of a method. `trained` is False for the untrained model and for rules."""

    name: str
    label: str
    sentence: str
    ink: str
    """CSS class that sets the colour."""
    shape: Shape
    hollow: bool = False
    trained: bool = True
    rule: bool = False


_KNOWN = (
    MethodLabel(
        "pft",
        "PFT",
        "Preference-paired fine-tuning: both poles of a dilemma in one training step, each under its own instruction.",
        "m-pft",
        "circle",
    ),
    MethodLabel(
        "pft_tuned",
        "PFT tuned",
        "PFT trained again with the setting that did best on each seed's own validation part.",
        "m-pft",
        "diamond",
    ),
    MethodLabel(
        "sft_mixed",
        "SFT mixed",
        "Supervised training on both poles as separate, shuffled examples: PFT's data without the pairing.",
        "m-sft",
        "diamond",
    ),
    MethodLabel(
        "sft_positive", "SFT positive", "Supervised training on the positive pole of every pair alone.", "m-sft", "up"
    ),
    MethodLabel(
        "sft_negative",
        "SFT negative",
        "Supervised training on the negative pole of every pair alone.",
        "m-sft",
        "down",
    ),
    MethodLabel(
        "dpo_mixed",
        "DPO mixed",
        "Preference optimisation (right options over wrong ones) on both poles as separate examples.",
        "m-dpo",
        "diamond",
        hollow=True,
    ),
    MethodLabel(
        "dpo_positive",
        "DPO positive",
        "Preference optimisation on the positive poles alone.",
        "m-dpo",
        "up",
        hollow=True,
    ),
    MethodLabel(
        "dpo_negative",
        "DPO negative",
        "Preference optimisation on the negative poles alone.",
        "m-dpo",
        "down",
        hollow=True,
    ),
    MethodLabel(
        "ipo_mixed",
        "IPO mixed",
        "Identity preference optimisation (a margin of fixed size, right over wrong) on both poles.",
        "m-x0",
        "diamond",
        hollow=True,
    ),
    MethodLabel(
        "ipo_positive", "IPO positive", "Identity preference optimisation on positive poles.", "m-x0", "up", hollow=True
    ),
    MethodLabel(
        "ipo_negative",
        "IPO negative",
        "Identity preference optimisation on negative poles.",
        "m-x0",
        "down",
        hollow=True,
    ),
    MethodLabel(
        "icl",
        "In context",
        "The untrained model, shown past choices of somebody on the pole asked for.",
        "m-base",
        "square",
        trained=False,
    ),
    MethodLabel(
        "caa",
        "CAA",
        "The untrained model, steered by the mean difference of its activations between the poles.",
        "m-base",
        "hexagon",
        trained=False,
    ),
    MethodLabel(
        "base",
        "Untrained",
        "The same model before any training on dilemmas.",
        "m-base",
        "circle",
        hollow=True,
        trained=False,
    ),
    MethodLabel(
        "rule",
        "Best blind rule",
        "Reads nothing: picks an option by its place or length, by the rule that did best on the training dilemmas. "
        "Options are shuffled, as for the models.",
        "m-rule",
        "cross",
        trained=False,
        rule=True,
    ),
    MethodLabel(
        "rule_published_order",
        "Rule, file order",
        "The same on the order in which the data file lists the options. A high value means that the file gives "
        "answers away by position.",
        "m-rule",
        "plus",
        trained=False,
        rule=True,
    ),
)
_OTHERS: Mapping[str, tuple[str, str]] = {
    "sft": ("SFT", "Fine-tuned on the replies that suit the person."),
    "dpo": ("DPO", "Trained to prefer replies that suit the person over those that don't."),
    "sft+dpo": ("SFT then DPO", "Fine-tuned on replies that suit the person, then trained to prefer them."),
    "drifting": ("drifting", "A belief that expects people to change, and takes surprise that stays for a change."),
    "gaussian": ("gaussian", "A belief that takes people to be as they always were."),
    "contextual": ("contextual", "A belief with a leaning of its own for every scene."),
    "pooled": ("pooled", "Everybody alike: what people at large would choose."),
    "in_context": ("in context", "The choices told in the prompt."),
    "instruction": ("instruction", "The belief in words, before the question."),
    "mixture": ("mixture", "Next-token log-probabilities of the poles, mixed as the belief says."),
    "activation": ("activation", "Vectors added to the model's activations, as strong as the belief says."),
    "adapters": ("adapters", "Adapters of the poles, mixed as the belief says."),
    "rerank": ("rerank", "Several replies, of which the one is kept that suits the belief best."),
    "neighbourhood": (
        "neighbourhood",
        "Replies to neighbours of what is wanted, of which one is kept.",
    ),
}
"""Names and sentences of methods that have no mark of their own: they get spare ones as they come."""
_SPARE_INKS = ("m-x0", "m-x1", "m-x2", "m-x3")
_SPARE_SHAPES: tuple[Shape, ...] = ("square", "hexagon")


def label_methods(names: Iterable[str]) -> dict[str, MethodLabel]:
    """A label for every name: known methods in their fixed order, then others as they come, the rules last."""
    wanted = list(dict.fromkeys(names))
    known = {method.name: method for method in _KNOWN if method.name in wanted}
    labels = {name: method for name, method in known.items() if not method.rule}
    for i, name in enumerate(name for name in wanted if name not in known):
        shape = _SPARE_SHAPES[i // len(_SPARE_INKS) % len(_SPARE_SHAPES)]
        ink = _SPARE_INKS[i % len(_SPARE_INKS)]
        hollow = i >= len(_SPARE_INKS) * len(_SPARE_SHAPES)
        label, sentence = _OTHERS.get(name, (name.replace("_", " "), "A method added to this run."))
        labels[name] = MethodLabel(name, label, sentence, ink, shape, hollow)
    return labels | {name: method for name, method in known.items() if method.rule}
