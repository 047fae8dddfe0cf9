"""What the words of a page mean: those of its own metrics, and those of every page."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Term(NamedTuple):
    """A word and what it means."""

    name: str
    meaning: str
    metrics: tuple[str, ...] = ()
    """Beginnings of the metrics that need it; on every page where there are none."""


TERMS = (
    Term(
        "Pole, positive and negative",
        "One of the two sides of a value. Which of them is called positive is a convention of the taxonomy and praises "
        "neither.",
    ),
    Term(
        "Acc_one",
        "A method is asked for one pole of a dilemma and chooses one option. Acc_one is the share of dilemmas in which "
        "that option serves the pole. Dilemmas without an option of the pole don't count.",
        ("acc_one",),
    ),
    Term(
        "Acc_all",
        "A method selects all options that it thinks serve the pole. An exact match counts 1, any option of the other "
        "pole makes it 0, otherwise it is the share of the right options that were found.",
        ("acc_all",),
    ),
    Term(
        "Precision, recall, F1",
        "The same sets, counted option by option over all dilemmas together: how many selected options are right, how "
        "many right ones were selected, and the harmonic mean of the two.",
        ("precision", "recall", "f1"),
    ),
    Term(
        "Accuracy",
        "The share of questions in which the reply that fits what somebody prefers is put first: explicit, as they "
        "stated it; choice, as they showed it by choosing; persona, as they hinted at it in a conversation.",
        ("accuracy_",),
    ),
    Term(
        "ECE",
        "Expected calibration error: answers are sorted into ten bins by the probability of the chosen option; it is "
        "the mean gap between that probability and the share that is right. 0 is perfect.",
        ("ece",),
    ),
    Term(
        "NLL",
        "Negative log-likelihood: minus the logarithm of the probability that the right options have together, in "
        "nats. 0 is perfect.",
        ("nll",),
    ),
    Term(
        "Order effect",
        "How much an answer depends on the order in which the options are shown. 0 means not at all.",
        ("order_effect",),
    ),
    Term(
        "Right for both, same for both, swapped",
        "One dilemma asked for either pole: the share right under both, the share in which the same option is chosen "
        "whoever asks, and the share in which each pole is given what serves the other.",
        ("paired_accuracy", "insensitivity", "swapped"),
    ),
    Term(
        "Alignment",
        "How likely the option that a model puts first is on the person's side at that moment, in dilemmas it never "
        "saw; alignment after is its mean over the moments after the change.",
        ("alignment",),
    ),
    Term(
        "Choices to turn, never turned",
        "The median number of choices after a change until the belief is on the new side for three in a row, and the "
        "share of people with whom that doesn't happen.",
        ("choices_to_turn", "never_turned"),
    ),
    Term(
        "Change noticed, choices to notice, false alarm",
        "The share of people of whom a model says afterwards that something has changed, the median number of choices "
        "until then, and the share of whom it says so before anything changed, or though nothing does.",
        ("change_noticed", "choices_to_notice", "false_alarm"),
    ),
    Term(
        "Score, opposite, contrast",
        "A judge's grade from 0 to 10 for how far an answer shows the pole that was asked for; the same answer's grade "
        "for the opposite pole; and the score less the grade that the answer to the opposite request gets for this "
        "pole. A judge that favours a side can't raise contrast.",
        ("score", "opposite", "contrast"),
    ),
    Term(
        "Log perplexity, words",
        "Nats a token of the reply under the model without its adapter, lower is more fluent; and the reply's length.",
        ("log_perplexity", "words"),
    ),
    Term(
        "AL, gain, IR",
        "Alignment level: the mean grade from 1 to 5 of how well replies suit the person, at a turn (al_1, al_2, ...) "
        "or over all; gain is the last turn's less the first's; IR is the slope of the least-squares line of AL on the "
        "turn.",
        ("al", "gain", "ir"),
    ),
    Term(
        "N-IR, N-R2",
        "Slope and fit of the same line after AL was scaled to run from 0 to 1 over the turns.",
        ("n_ir", "n_r2"),
    ),
    Term(
        "Log odds shift",
        "How far the log-odds of the positive pole move from the unsteered model's, in dilemmas that the dial was not "
        "measured on, by the strength asked for. A dial is right where the two are equal.",
        ("log_odds_shift",),
    ),
    Term(
        "Interval",
        "95%, by bootstrap: whole scenarios, or people and talks where people are simulated, are drawn again, with all "
        "their answers from every seed, because answers to one scenario are not independent.",
    ),
    Term(
        "Mean over poles and seeds",
        "Every pole in every seed has an equal say, however many dilemmas it has.",
        ("acc_", "score", "contrast", "precision"),
    ),
    Term(
        "Paired test",
        "Two methods answer the same dilemmas, or serve the same people. If neither were better, each one's difference "
        "could as well have the other sign; p is the share of sign flips that give a difference at least as large as "
        "the one seen.",
    ),
    Term(
        "p, Holm",
        "Several comparisons give chance several tries. Holm's correction raises the p-values so that a false finding "
        "anywhere among them has a probability of at most 5%.",
    ),
    Term(
        "Blind rule and chance",
        "A rule that picks by place or length reads nothing and must be beaten by anything that claims to read. Chance "
        "is what picking an option at random reaches.",
        ("acc_", "accuracy_", "paired_accuracy"),
    ),
    Term("Undefined (n=0)", "There was nothing to measure. It is left out of means and never counted as 0."),
)
"""In the order of a page."""


def terms_of(metrics: Iterable[str]) -> list[Term]:
    """What a page with these metrics has to explain."""
    named = tuple(dict.fromkeys(metrics))
    return [term for term in TERMS if not term.metrics or any(_of(metric, term) for metric in named)]


def _of(metric: str, term: Term) -> bool:
    """Whole names, and families: `acc_` of `acc_one`, `al` of `al_3`."""
    return any(metric == own or metric.startswith(own if own.endswith("_") else f"{own}_") for own in term.metrics)
