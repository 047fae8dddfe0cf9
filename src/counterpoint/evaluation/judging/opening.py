"""A judge by its name: `encoder`, `lm:...`, or an endpoint as `URL#MODEL`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from counterpoint.authoring.calls import Sampling
from counterpoint.authoring.llm import Endpoint, url_and_model
from counterpoint.errors import BadInputError, MissingExtraError, UnknownNameError
from counterpoint.evaluation.judge import Judge
from counterpoint.evaluation.judging.model_judge import ModelJudge
from counterpoint.evaluation.judging.pole_judge import encoder_judge
from counterpoint.types import DataSet

if TYPE_CHECKING:
    from counterpoint.authoring.backend import Speak

ENCODER, LOCAL = "encoder", "lm:"


@dataclass(frozen=True)
class JudgeConfig:
    """Who judges, and how often."""

    who: str = ENCODER
    """`encoder`: a pole judge trained here. `lm:...`: a language model in this process. `URL#MODEL`: an endpoint, such
    as `https://api.openai.com/v1#gpt-4.1-mini`; its key is read from the environment."""
    repeats: int = 1
    """Verdicts on each answer."""
    temperature: float = 0.7
    """Of a language model's verdicts; warm, so that repeats differ."""
    max_tokens: int = 512
    """A longer verdict is cut."""
    max_cost: float | None = None
    """US dollars that verdicts may cost over all runs with this cache; none: no cap."""
    price_in: float = 1.0
    """US dollars for a million tokens read by the endpoint."""
    price_out: float = 4.0
    """US dollars for a million tokens written by the endpoint."""
    concurrency: int = 16
    """Verdicts asked for at once."""
    api_key_env: str = "OPENAI_API_KEY"
    """Environment variable that holds the endpoint's key."""
    cache: str = ""
    """Folder of verdicts, to share it between runs; the run's own where empty."""
    finetune: bool = False
    """Whether a pole judge's encoder is trained too."""
    seed: int = 0
    """Of a pole judge's training and split."""


def open_judge(config: JudgeConfig, *, folder: Path, labelled: DataSet | None = None) -> Judge:
    """The judge that `config.who` names.

    Args:
        config: who, and how.
        folder: the run's, for verdicts where no other cache is named.
        labelled: dilemmas that a pole judge is trained and measured on; none of them may be asked.

    Raises:
        UnknownNameError: the name is of no known form.
        BadInputError: a pole judge has nothing to be trained on.
    """
    if config.who == ENCODER:
        if labelled is None:
            raise BadInputError("judge 'encoder' grades by poles, and needs labelled dilemmas to be trained on")
        return encoder_judge(labelled, seed=config.seed, finetune=config.finetune)
    cache = Path(config.cache) if config.cache else folder / "verdicts"
    sampling = Sampling(config.temperature, max_tokens=config.max_tokens)
    if config.who.startswith(LOCAL):
        local = Endpoint(config.who, price_in=0.0, price_out=0.0, concurrency=config.concurrency)
        return ModelJudge(local, cache=cache, sampling=sampling, speak=lambda: _speaker(config.who))
    if (named := url_and_model(config.who)) is None:
        raise UnknownNameError("judge", config.who, (ENCODER, "lm:<hub id, folder or tiny>", "URL#MODEL"))
    url, model = named
    endpoint = Endpoint(
        model,
        url,
        api_key_env=config.api_key_env,
        price_in=config.price_in,
        price_out=config.price_out,
        concurrency=config.concurrency,
    )
    return ModelJudge(endpoint, cache=cache, max_cost=config.max_cost, sampling=sampling)


def _speaker(name: str) -> Speak:
    try:
        from counterpoint.models.lm_calls import speaker
    except ImportError as error:
        raise MissingExtraError("A language model in this process", "lm") from error
    return speaker(name)
