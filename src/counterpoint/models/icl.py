"""In-context learning: somebody's past choices in the prompt (Brown et al. 2020, arXiv 2005.14165).

`IclScorer` is the baseline `icl`: the choices are those of somebody on the pole asked for, in training dilemmas of the
same value pair, as in the PFT paper (arXiv 2604.12479; 1, 3 or 5 choices). `WithExamples` shows whatever it is given.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from counterpoint.data.order import shuffle_options
from counterpoint.data.split import scenario_key
from counterpoint.errors import BadInputError
from counterpoint.models.language_model import LanguageModel
from counterpoint.models.lm_scorer import LmScorer
from counterpoint.models.prompts import Examples, Form, PromptConfig, Prompter
from counterpoint.types import Dilemma, Option, Pole, content_hash

FORMAT = "counterpoint.icl/1"
FILE = "icl.json"

Choose = Callable[[Dilemma, Pole | None], Examples]
"""The past choices to show with a dilemma put to a pole."""

SAME_PERSON = Pole("the person who made the earlier choices", "")
"""Who answers where nothing but past choices says so."""


@dataclass(frozen=True)
class IclConfig:
    """What is shown."""

    shots: int = 3
    """Past choices in a prompt."""
    seed: int = 0
    """Draws the dilemmas, the order of their options, and which of a pole's options was chosen."""
    names_pole: bool = True
    """Whether the prompt also names the pole, as it does for every method; otherwise the choices alone tell."""


class WithExamples(LmScorer):
    """A language model that is shown past choices.

    Args:
        scorer: the model, how it is asked and read.
        choose: what is shown with a dilemma put to a pole.
        names_pole: whether the prompt also names the pole; otherwise the person who made those choices answers.
    """

    def __init__(self, scorer: LmScorer, choose: Choose, *, names_pole: bool = True) -> None:
        super().__init__(scorer.language, scorer.reading, scorer.prompter.config)
        self.prompter = _Showing(scorer.language.tokenizer, scorer.prompter.config, choose, names_pole=names_pole)

    def save(self, folder: Path) -> None:
        """Not possible: what is shown is up to a function."""
        raise BadInputError(f"{folder}: past choices that a function gives can't be saved; keep the choices themselves")


class IclScorer(WithExamples):
    """A language model that is shown choices of somebody on the pole asked for.

    Under pole None it is shown nothing. A dilemma's two poles are shown the same dilemmas, answered for either side,
    and never one of its own scenario.

    Args:
        scorer: the model, how it is asked and read.
        dilemmas: training dilemmas.
        config: what is shown.
    """

    def __init__(self, scorer: LmScorer, dilemmas: Sequence[Dilemma], config: IclConfig | None = None) -> None:
        self.config = config or IclConfig()
        if self.config.shots < 1:
            raise BadInputError(f"shots must be at least 1 (got {self.config.shots}); the model without any is `base`")
        super().__init__(scorer, self.choices, names_pole=self.config.names_pole)
        self._past: dict[str, list[Dilemma]] = {}
        for dilemma in dilemmas:
            self._past.setdefault(dilemma.value_pair, []).append(shuffle_options(dilemma, self.config.seed))
        self._drawn: dict[str, list[Dilemma]] = {}

    def choices(self, dilemma: Dilemma, pole: Pole | None) -> Examples:
        """What somebody on `pole` chose in other dilemmas of this value pair, `[shot]`.

        Raises:
            BadInputError: there are not so many others in which that pole can be chosen.
        """
        if pole is None:
            return ()
        shown = [past for past in self._order(dilemma) if past.gold(pole.name)][: self.config.shots]
        if len(shown) < self.config.shots:
            raise BadInputError(
                f"{dilemma.value_pair}: {len(shown)} other training dilemmas have an option of {pole.name}; "
                f"expected at least {self.config.shots}, one a shot"
            )
        return [(past, self._pick(past, pole)) for past in shown]

    # Files

    def save(self, folder: Path) -> None:
        """Write `icl.json`, the training dilemmas in it, beside what a language model's scorer writes."""
        LmScorer.save(self, folder)
        past = [asdict(dilemma) for dilemmas in self._past.values() for dilemma in dilemmas]
        record = {"format": FORMAT, "config": asdict(self.config), "dilemmas": past}
        (folder / FILE).write_text(json.dumps(record, ensure_ascii=False) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, *, language: LanguageModel | None = None) -> IclScorer:
        """The scorer saved in `folder`; it scores bit-identically.

        Raises:
            BadInputError: the folder doesn't hold one, or the base is not the one it was made on.
        """
        scorer = LmScorer.load(folder, language=language)
        try:
            record = json.loads((folder / FILE).read_text(encoding="utf-8"))
            if record["format"] != FORMAT:
                raise BadInputError(f"{folder}: format is {record['format']!r}, expected {FORMAT!r}")
            past = [
                Dilemma(**{**row, "options": tuple(Option(**option) for option in row["options"])})
                for row in record["dilemmas"]
            ]
            return cls(scorer, past, IclConfig(**record["config"]))
        except (OSError, KeyError, TypeError, ValueError) as error:
            if isinstance(error, BadInputError):
                raise
            raise BadInputError(f"{folder}: not saved examples ({type(error).__name__}: {error})") from error

    def describe(self) -> dict[str, Any]:
        """The language model's scorer's, with what is shown."""
        return {**super().describe(), "icl": asdict(self.config)}

    def _order(self, dilemma: Dilemma) -> list[Dilemma]:
        """The value pair's other dilemmas in an order drawn by seed and dilemma."""
        if dilemma.digest not in self._drawn:
            own = scenario_key(dilemma)
            others = [past for past in self._past.get(dilemma.value_pair, []) if scenario_key(past) != own]
            others.sort(key=lambda past: content_hash("icl", self.config.seed, dilemma.digest, past.digest))
            self._drawn[dilemma.digest] = others
        return self._drawn[dilemma.digest]

    def _pick(self, past: Dilemma, pole: Pole) -> int:
        """One of the pole's options."""
        gold = past.gold(pole.name)
        return gold[int(content_hash("icl option", self.config.seed, past.digest, pole.name)[:8], 16) % len(gold)]


class _Showing(Prompter):
    """Puts dilemmas with past choices."""

    def __init__(self, tokenizer: Any, config: PromptConfig, choose: Choose, *, names_pole: bool) -> None:
        super().__init__(tokenizer, config)
        self._choose, self._names_pole = choose, names_pole

    def text(self, dilemma: Dilemma, pole: Pole | None, *, form: Form = "answer", examples: Examples = ()) -> str:
        """What the user's turn says."""
        shown = examples or self._choose(dilemma, pole)
        answers = pole if self._names_pole or pole is None else SAME_PERSON
        return super().text(dilemma, answers, form=form, examples=shown)
