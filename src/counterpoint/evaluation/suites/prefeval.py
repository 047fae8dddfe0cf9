"""PrefEval's multiple choice (Zhao et al. 2025, arXiv 2502.09597): which of four replies fits what somebody prefers.

    accuracy_explicit  the right reply put first, the preference being stated
    accuracy_choice    being shown by a choice made earlier in a conversation: the person's message about it
    accuracy_persona   being hinted at in a conversation about other things: all the person's messages
    nll_*              -log of the right reply's probability, nats; order_effect: another order changed the choice

A scorer is asked under a pole, and its pole's description may be any text: here it is what the person said, word for
word. The encoder therefore puts first the reply that is most like it (zero-shot), moved by what training taught of the
known poles that the text is like; there is no opposite pole. A language model reads it where it reads who answers. The
question is the dilemma's. No turns are put between the preference and the question; a scorer of dilemmas has no
conversation to lose it in. The right reply stands first in the files, so options are shuffled by a seed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from counterpoint.data.order import shuffle_options
from counterpoint.errors import BadInputError
from counterpoint.evaluation.answers import order_of
from counterpoint.evaluation.method_labels import label_methods
from counterpoint.evaluation.metrics import Answer, acc_one, choose, negative_log_likelihood
from counterpoint.evaluation.prefeval.reading import Form, Item, read_file, read_folder
from counterpoint.evaluation.rules import RULES
from counterpoint.evaluation.suite import Tables
from counterpoint.evaluation.suite_counts import Counts, Score
from counterpoint.evaluation.tables import Cell, rounded
from counterpoint.models.scorer import Scorer
from counterpoint.types import Dilemma, Option, Pole, content_hash

FITS, AGAINST = "Somebody who said this", "against it"
"""What stands in place of poles: `FITS` is what a language model reads above the person's words."""
LENGTHS = ("longest", "shortest")
"""Rules that read nothing and could do better than chance on shuffled options."""
SAID: Mapping[Form, str] = {Form.MCQ: "explicit", Form.CHOICE: "choice", Form.PERSONA: "persona"}
"""The form whose words are the query, as metrics name it."""


@dataclass(frozen=True)
class PrefEval:
    """Questions with options, and for each what the person said in every form at hand."""

    items: tuple[Item, ...]
    """Rows of the multiple-choice form."""
    implicit: Mapping[Form, tuple[Item, ...]] = field(default_factory=dict)
    """The same questions in implicit forms, in the same order."""
    name: str = "prefeval"

    def __post_init__(self) -> None:
        for form, items in self.implicit.items():
            if [(i.topic, i.question) for i in items] != [(i.topic, i.question) for i in self.items]:
                raise BadInputError(f"PrefEval's {form} files don't hold the questions of its multiple choice in order")

    @cached_property
    def samples(self) -> Sequence[Dilemma]:
        """One dilemma a question, its value pair being the topic."""
        return [_dilemma(item, number) for number, item in enumerate(self.items)]

    @cached_property
    def said(self) -> Mapping[str, Mapping[str, str]]:
        """What the person said, by form and sample."""
        forms = {Form.MCQ: self.items, **self.implicit}
        return {
            SAID[form]: {d.id: item.said for d, item in zip(self.samples, items, strict=True)}
            for form, items in forms.items()
        }

    @property
    def digest(self) -> str:
        """Of questions, options and what was said."""
        return content_hash([[d.id, d.digest, d.options[0].text] for d in self.samples], self.said)

    def ask(self, scorer: Scorer, samples: Sequence[Dilemma], *, order_seed: int) -> list[Answer]:
        """One answer a sample and form; an answer's pole is the form. Its confidence is the choice's probability."""
        orders = [order_of(sample, order_seed) for sample in samples]
        shown = [sample.reordered(order) for sample, order in zip(samples, orders, strict=True)]
        poles = [[Pole(FITS, told[sample.id]) for told in self.said.values()] for sample in samples]
        answers = []
        for sample, order, rows in zip(samples, orders, scorer.score(shown, poles), strict=True):
            for form, row in zip(self.said, rows, strict=True):
                in_file = np.empty(len(order))
                in_file[list(order)] = row
                chosen, log_probs = order[choose(row)], tuple(round(float(value), 6) for value in in_file)
                confidence = round(float(np.exp(np.max(row))), 6)
                gold = sample.gold(FITS)
                answer = Answer(sample.id, sample.value_pair, form, gold, log_probs, chosen, (chosen,), confidence)
                answers.append(answer)
        return answers

    def grade(self, answers: Sequence[Answer]) -> float:
        """Mean accuracy over the forms."""
        return sum(map(acc_one, answers)) / len(answers)

    def count(self, cells: Sequence[Cell]) -> Tables:
        """Measures by topic, with what chance and rules that read nothing have."""
        methods, seeds = (list(dict.fromkeys(getattr(c, key) for c in cells)) for key in ("method", "seed"))
        counts = Counts(list(_scores(cells)), methods, sorted(seeds))
        labels = {name: label.label for name, label in label_methods(methods).items()}
        compared = [f"accuracy_{form}" for form in self.said]
        chance = sum(1 / len(d.options) for d in self.samples) / len(self.samples)
        more = {"chance": rounded(chance), "rules": self._rules(), "said": list(self.said)}
        return Tables(counts.rows(), counts.summary(), counts.paired(compared, labels), more)

    def _rules(self) -> dict[str, float]:
        """Accuracy of picking by length, from shuffled options."""
        shuffled = [shuffle_options(sample, 0) for sample in self.samples]
        right = {name: [RULES[name](d) in d.gold(FITS) for d in shuffled] for name in LENGTHS}
        return {name: round(sum(hits) / len(hits), 6) for name, hits in right.items()}


def read_prefeval(path: str | Path) -> PrefEval:
    """The suite from the published folder, or from one multiple-choice file (then only with stated preferences).

    Raises:
        BadInputError: there are no multiple-choice rows, or other forms don't match them.
        BadDataError: a file is wrong.
    """
    where = Path(path)
    found = read_folder(where) if where.is_dir() else {Form.MCQ: read_file(where, Form.MCQ)}
    items = found.get(Form.MCQ, ())
    if not items:
        raise BadInputError(f"{path}: holds no multiple-choice rows (expected the folder mcq_options)")
    return PrefEval(items, {form: found[form] for form in (Form.CHOICE, Form.PERSONA) if found.get(form)})


def _dilemma(item: Item, number: int) -> Dilemma:
    options = tuple(Option(text, AGAINST if i else FITS) for i, text in enumerate(item.options))
    return Dilemma(f"{item.topic}-{number}", item.topic, item.question, options, source="prefeval")


def _scores(cells: Sequence[Cell]) -> Iterator[Score]:
    for cell in cells:
        for answer, changed in zip(cell.answers, cell.changed, strict=True):
            values = {
                f"accuracy_{answer.pole}": acc_one(answer),
                f"nll_{answer.pole}": negative_log_likelihood(answer),
                "order_effect": changed,
            }
            for metric, value in values.items():
                topic = answer.value_pair
                yield Score(cell.method, cell.seed, topic, answer.dilemma, topic, metric, value)
