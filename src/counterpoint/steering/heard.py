"""A reply as it comes from an endpoint, piece by piece, up to the first stop string."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal

from counterpoint.steering.asking import BASE, Reply, Request


class BrokeOffError(Exception):
    """A stream ended in the middle."""


class Heard:
    """A reply as it comes: text up to the first stop string, told on as soon as it can't become one."""

    def __init__(self, request: Request, tell: Callable[[str], None] | None) -> None:
        self._request, self._tell = request, tell
        self._stops = request.decoding.stop_strings
        self.text, self.told = "", 0
        self._finish: Literal["stop", "length"] | None = None
        self._read = 0

    def hear(self, chunks: Iterator[Any]) -> None:
        """Listen to the end, or to the first stop string.

        Raises:
            BrokeOffError: it ended before the reply did.
            openai.APIError: the endpoint said so.
        """
        self.text = ""
        for chunk in _whole(chunks):
            usage = getattr(chunk, "usage", None)
            self._read = getattr(usage, "prompt_tokens", 0) or self._read
            for choice in chunk.choices[:1]:
                delta = choice.delta
                self.text += delta.content or getattr(delta, "refusal", None) or ""
                if choice.finish_reason is not None:
                    self._finish = "length" if choice.finish_reason == "length" else "stop"
            if ends := [at for stop in self._stops if (at := self.text.find(stop)) >= 0]:
                self.text, self._finish = self.text[: min(ends)], "stop"
                self._pass_on(len(self.text))
                return
            self._pass_on(len(self.text) - self._held())
        if self._finish is None:
            raise BrokeOffError
        self._pass_on(len(self.text))

    def reply(self) -> Reply:
        """It as a record."""
        request = self._request
        assert self._finish is not None
        method = "+".join(request.methods) or BASE
        return Reply(self.text, self._finish, request.steering, method, prompt_tokens=self._read)

    def _held(self) -> int:
        """Letters at the end that may be the beginning of a stop string."""
        return max(
            (n for stop in self._stops for n in range(1, len(stop)) if self.text.endswith(stop[:n])),
            default=0,
        )

    def _pass_on(self, until: int) -> None:
        if self._tell and until > self.told:
            self._tell(self.text[self.told : until])
            self.told = until


def _whole(chunks: Iterator[Any]) -> Iterator[Any]:
    """The same; what the transport or the parser raises in the middle is that it broke off."""
    import openai

    source = iter(chunks)
    while True:
        try:
            chunk = next(source)
        except StopIteration:
            return
        except openai.OpenAIError:
            raise
        except Exception as error:
            raise BrokeOffError from error
        yield chunk
