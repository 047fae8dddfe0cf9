"""Replies of any OpenAI-compatible endpoint, steered by the methods that need no inside view of the model.

    endpoint = Endpoint("llama", "http://localhost:8000/v1", taxonomy("vcd"))
    replies = endpoint.answer([Request(Conversation.said("Stocks or bonds?"), steering, "instruction")], on_text=print)

The same contract as `Engine` (`method.Answerer`). Methods that change the prompt do it here, methods that choose among
candidates get theirs in several requests. How replies are drawn is the endpoint's: that equal requests with a seed give
equal replies is up to it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from counterpoint.errors import BadInputError, CounterpointError, MissingExtraError
from counterpoint.steering.asking import Ask, Conversation, OnText, Reply, Request, to_show_both, with_note
from counterpoint.steering.composing import Choice, chooser, turned_by
from counterpoint.steering.heard import BrokeOffError, Heard
from counterpoint.steering.method import METHODS, Choosing, Dial, Draft, Drafting
from counterpoint.types import Taxonomy, content_hash

if TYPE_CHECKING:
    from openai import OpenAI

Turns = list[dict[str, str]]
_MOST_STOPS = 4
"""Stop strings that the protocol takes; all are looked for here too."""
_SPARED = ("seed", "top_p", "temperature", "stop", "stream_options")
"""Settings that some endpoints refuse, and that replies can do without: they are then left out."""


class EndpointError(CounterpointError):
    """The endpoint gave no reply: it refused, is out of reach, or broke off."""


@dataclass(frozen=True)
class EndpointSettings:
    """How an endpoint is asked."""

    api_key_env: str = "OPENAI_API_KEY"
    """Environment variable with the key; unset is right for a local server without keys."""
    timeout: float = 120.0
    """Seconds to wait for a reply, or for the next piece of it."""
    retries: int = 4
    """How often a request is repeated that got no reply because the endpoint is busy, failing or out of reach."""
    back_off: float = 0.5
    """Seconds before the first repeat, about doubled for each further one; what the endpoint asks for where it does."""
    longest_wait: float = 60.0
    """Seconds between two tries at most."""
    concurrency: int = 8
    """Requests on their way at once."""

    def __post_init__(self) -> None:
        if self.concurrency < 1 or self.retries < 0 or self.back_off < 0:
            raise BadInputError("an endpoint needs a concurrency of at least 1, and no negative retries or back_off")
        if not (self.timeout > 0 and self.longest_wait > 0):
            raise BadInputError("an endpoint's timeout and longest_wait must be above 0")


class Endpoint:
    """One model behind a URL, its methods and their materials.

    Args:
        model: its name there.
        base_url: such as `http://localhost:8000/v1`.
        taxonomy: whose pairs are steered.
        materials: method's name to what it was given; see each method's file.
        dials: method's name to its calibration.
        settings: how it is asked.

    Raises:
        BadInputError: the URL is none.
        MissingExtraError: openai or tenacity is not installed.
    """

    def __init__(
        self,
        model: str,
        base_url: str,
        taxonomy: Taxonomy,
        *,
        materials: Mapping[str, Any] | None = None,
        dials: Mapping[str, Dial] | None = None,
        settings: EndpointSettings | None = None,
    ) -> None:
        if not base_url.startswith(("http://", "https://")):
            raise BadInputError(f"base URL is {base_url!r}; expected one such as http://localhost:8000/v1")
        self.model, self.taxonomy, self.settings = model, taxonomy, settings or EndpointSettings()
        self.materials, self.dials = dict(materials or {}), dict(dials or {})
        self._client = _client(base_url, self.settings)
        self._refused: frozenset[str] = frozenset()
        self._opened: dict[str, Drafting | Choosing] = {}

    def method(self, name: str) -> Drafting | Choosing:
        """The method opened on this endpoint, once.

        Raises:
            UnknownNameError: there is no such method.
            BadInputError: it needs a model in process, or lacks its material.
        """
        if name not in self._opened:
            plugin = METHODS.get(name)
            if plugin.needs == "model":
                can = [other for other in METHODS.names() if METHODS.get(other).needs != "model"]
                raise BadInputError(f"{name} needs an lm: model in process; an endpoint can do {', '.join(can)}")
            self._opened[name] = plugin.open(self, self.materials.get(name))
        return self._opened[name]

    def answer(self, requests: Sequence[Request], *, on_text: OnText | None = None) -> list[Reply]:
        """A reply to every request, in the order given; several are on their way at once.

        Args:
            requests: what is asked, with which steering, by which method, drawn how.
            on_text: told of new text as it comes, from several threads but for one request from one; of a request whose
                method keeps one of several candidates, once.

        Raises:
            UnknownNameError: there is no such method.
            BadInputError: methods that don't compose or need a model; steering of another taxonomy.
            EndpointError: a reply didn't come.
        """
        plans = [self._plan(request) for request in requests]  # whatever is wrong is told before anything is sent
        calls = [call for plan in plans for call in plan.calls]
        told = [
            partial(on_text, number) if on_text and plan.choice is None else None
            for number, plan in enumerate(plans)
            for _ in plan.calls
        ]
        with ThreadPoolExecutor(self.settings.concurrency) as pool:
            futures = [pool.submit(self._call, call, tell) for call, tell in zip(calls, told, strict=True)]
            try:
                found = iter([future.result() for future in futures])
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        replies = []
        for number, plan in enumerate(plans):
            reply = plan.reply([next(found) for _ in plan.calls])
            if on_text and plan.choice is not None:
                on_text(number, reply.text)
            replies.append(reply)
        return replies

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    # What is sent

    def _plan(self, request: Request) -> _Plan:
        choice = chooser(self, request)
        candidates = (request,) if choice is None else choice.method.spread(choice.spread)
        return _Plan(request, choice, tuple(self._sent(candidate) for candidate in candidates))

    def _sent(self, request: Request) -> _Call:
        """The request as the endpoint gets it."""
        steering = request.steering
        draft = Draft(to_show_both(request.ask, steering, self.taxonomy))
        if any(steering.vector):
            names = request.methods
            share = steering.scaled(1 / len(names)) if len(names) > 1 else steering
            for name in names:
                method = self.method(name)
                assert isinstance(method, Drafting)
                draft = method.draft(draft, turned_by(self, request, name, share))
        turns, base = turns_of(draft.ask), turns_of(request.ask)
        decoding = request.decoding
        seed = request.seed
        if seed is None:  # equal requests get equal seeds, whatever they are steered by
            seed = int(content_hash(decoding.seed, base)[:7], 16)
        settings: dict[str, Any] = {
            "stream_options": {"include_usage": True},
            "temperature": decoding.temperature,
            "top_p": decoding.top_p,
            "seed": seed % 2**31,
        }
        if decoding.stop_strings:
            settings["stop"] = list(decoding.stop_strings[:_MOST_STOPS])
        return _Call(request, turns, decoding.max_new_tokens, settings)

    def _call(self, call: _Call, tell: Any) -> Reply:
        """One reply; tries again while that may help and nothing of a reply has been told."""
        import openai
        from tenacity import Retrying, retry_if_exception, stop_after_attempt

        heard = Heard(call.request, tell)
        retrying = Retrying(
            stop=stop_after_attempt(self.settings.retries + 1),
            wait=self._wait,
            retry=retry_if_exception(lambda error: not heard.told and _may_pass(error)),
            reraise=True,
        )
        try:
            for attempt in retrying:
                with attempt:
                    self._listen(call, heard)
        except openai.OpenAIError as error:
            raise EndpointError(self._said(error)) from error
        except BrokeOffError as error:
            raise EndpointError(f"{self.model}: the endpoint broke off in the middle of a reply") from error
        return heard.reply()

    def _listen(self, call: _Call, heard: Heard) -> None:
        """Hear one reply to its end; settings that the endpoint refuses are left out from then on."""
        import openai

        while True:
            try:
                stream = self._client.chat.completions.create(**call.body(self.model, self._refused), stream=True)
                break
            except openai.BadRequestError as error:
                spared = {name for name in _SPARED if name in call.settings and name in str(error)} - self._refused
                if "max_tokens" in str(error) and "max_tokens" not in self._refused:
                    spared = {"max_tokens"}  # newer models: max_completion_tokens
                if not spared:
                    raise
                self._refused |= spared
        with stream:
            heard.hear(stream)

    def _wait(self, state: Any) -> float:
        """Seconds until the next try."""
        import random

        from counterpoint.authoring.backend import retry_after

        error = state.outcome.exception()
        response = getattr(error, "response", None)
        asked = retry_after(response.headers) if response is not None else None
        own = self.settings.back_off * 2.0 ** (state.attempt_number - 1) * random.uniform(0.5, 1.0)
        return min(own if asked is None else float(asked), self.settings.longest_wait)

    def _said(self, error: Exception) -> str:
        """What went wrong, in one line, without the key."""
        status = getattr(error, "status_code", None)
        if status in (401, 403):
            return f"{self.model}: the endpoint refuses the key (status {status}); is {self.settings.api_key_env} set?"
        said = " ".join(str(error.__cause__ or error).split())[:300].replace(self._client.api_key, "...")
        if status is not None:
            return f"{self.model}: the endpoint answered status {status}: {said}"
        return f"{self.model}: the endpoint does not answer ({type(error.__cause__ or error).__name__}: {said})"


def turns_of(ask: Ask) -> Turns:
    """The question as an endpoint's chat has it, who answers at the end of the user's last turn."""
    if isinstance(ask, Conversation):
        return [{"role": message.role, "content": message.content} for message in with_note(ask)]
    from counterpoint.models.prompts import SYSTEM, PromptConfig, Prompter

    config = PromptConfig(several=ask.several)

    class Texts(Prompter):
        """Dilemmas as texts: the tokenizer is at the endpoint."""

        def __init__(self) -> None:  # not the parent's, which asks the tokenizer
            self.config, self._special = config, ()

    user = Texts().text(ask.dilemma, ask.who, form=ask.form)
    return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": user}]


@dataclass(frozen=True)
class _Call:
    """One request to the endpoint."""

    request: Request
    turns: Turns
    most: int
    settings: Mapping[str, Any]

    def body(self, model: str, refused: frozenset[str]) -> dict[str, Any]:
        """What is posted."""
        limit = "max_completion_tokens" if "max_tokens" in refused else "max_tokens"
        kept = {name: value for name, value in self.settings.items() if name not in refused}
        return {"model": model, "messages": self.turns, limit: self.most, **kept}


@dataclass(frozen=True)
class _Plan:
    """A request and what is sent for it."""

    request: Request
    choice: Choice | None
    calls: tuple[_Call, ...]

    def reply(self, replies: Sequence[Reply]) -> Reply:
        """The one kept."""
        if self.choice is None:
            return replies[0]
        chosen = self.choice.method.choose(self.choice.choose, replies)
        others = tuple(one.text for i, one in enumerate(replies) if i != chosen)
        return replace(
            replies[chosen], steering=self.request.steering, method="+".join(self.request.methods), others=others
        )


def _client(base_url: str, settings: EndpointSettings) -> OpenAI:
    try:
        import tenacity  # noqa: F401
        from openai import OpenAI
    except ImportError as error:
        raise MissingExtraError("Asking an endpoint", "llm") from error
    key = os.environ.get(settings.api_key_env) or "no key"
    return OpenAI(base_url=base_url, api_key=key, timeout=settings.timeout, max_retries=0)


def _may_pass(error: BaseException) -> bool:
    """Whether asking again may help."""
    import openai

    if isinstance(error, openai.APIStatusError):
        if "insufficient_quota" in str(error):
            return False
        return error.status_code in (408, 409, 429) or error.status_code >= 500
    return isinstance(error, openai.APIConnectionError | BrokeOffError)  # timeouts are connection errors
