"""Loads a saved scorer of any kind by what its folder says it is."""

from __future__ import annotations

import json
from pathlib import Path

from counterpoint.errors import BadInputError
from counterpoint.models.scorer import Scorer


def load_scorer(folder: Path) -> Scorer:
    """The scorer saved in `folder` by `compare`, `train` or `Scorer.save`.

    Raises:
        BadInputError: the folder holds none.
    """
    try:
        kind = str(json.loads((folder / "scorer.json").read_text())["format"])
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise BadInputError(f"{folder}: not a saved scorer ({type(error).__name__}: {error})") from error
    if kind.startswith("counterpoint.lm_scorer/"):
        from counterpoint.models import caa, icl
        from counterpoint.models.lm_scorer import LmScorer

        if (folder / caa.FILE).is_file():
            return caa.CaaScorer.load(folder)
        if (folder / icl.FILE).is_file():
            return icl.IclScorer.load(folder)
        return LmScorer.load(folder)
    from counterpoint.models.encoder import EncoderScorer

    return EncoderScorer.load(folder)
