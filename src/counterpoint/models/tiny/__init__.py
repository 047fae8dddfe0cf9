"""`lm:tiny`: a small Llama that knows the language of the toy world, so that every path runs without a download.

It begins with random weights of a fixed seed and goes to school once: it learns to read dilemmas and to answer in JSON
with the letter of an option that has a property it is told ("Leans to the quick."). That is what any base model
would bring along. Which properties the taxonomy's animals go for is in no lesson; fine-tuning has to teach that. The
schooled model is kept in the user's cache folder under a hash of all that it was taught and how.

tokens.py    a tokenizer for the toy world       lessons.py   what is taught
school.py    how it is taught
"""

from __future__ import annotations

import contextlib
import logging
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from counterpoint.errors import BadInputError
from counterpoint.models.bases import default_cache
from counterpoint.models.tiny.school import School, Settings

if TYPE_CHECKING:
    from counterpoint.models.language_model import LanguageModel

logger = logging.getLogger(__name__)


def load(*, dtype: torch.dtype | None = None, device: str | None = None) -> LanguageModel:
    """The toy world's model; schooled, in about a minute, where the cache doesn't have it yet."""
    from counterpoint.models.language_model import PREFIX, TINY, LanguageModel

    folder = schooled(default_cache(), Settings())
    try:
        language = LanguageModel.load(f"{PREFIX}{folder}", dtype=dtype, device=device)
    except BadInputError as error:
        logger.warning("%s can't be read (%s); schooling the model again", folder, error)
        shutil.rmtree(folder)
        schooled(default_cache(), Settings())
        language = LanguageModel.load(f"{PREFIX}{folder}", dtype=dtype, device=device)
    language.name = language.base = TINY
    return language


def schooled(cache: Path, settings: Settings) -> Path:
    """The folder of the model schooled by these settings; made if it isn't there, by several processes at once too."""
    school = School(settings)
    folder = cache / f"lm-tiny-{school.recipe[:16]}"
    if folder.is_dir():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix="lm-tiny-making-") as temporary:
        made = Path(temporary) / "model"
        school.teach(made)
        with contextlib.suppress(OSError):  # another process was faster: its model is the same
            made.rename(folder)
    return folder
