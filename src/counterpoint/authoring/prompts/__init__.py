"""What is asked of a model: prompts with a name, a version and the hash of their content."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import jinja2

from counterpoint.authoring.calls import Message
from counterpoint.types import content_hash


@dataclass(frozen=True)
class Prompt:
    """A system text and a user text, both jinja2 templates; an unknown or missing field is an error."""

    name: str
    """Such as `dilemmas.scene`."""
    version: int
    """Raised whenever the wording changes on purpose; the digest tells of changes by accident."""
    system: str
    """Who is speaking to whom and what holds for every call. Empty: no system message."""
    user: str
    """What is asked in this call."""

    @cached_property
    def reference(self) -> str:
        """What a row's provenance names: `dilemmas.scene/1 sha256:0123456789ab`."""
        return f"{self.name}/{self.version} sha256:{content_hash(self.system, self.user)[:12]}"

    def render(self, **fields: Any) -> tuple[Message, ...]:
        """The messages of one call.

        Raises:
            jinja2.UndefinedError: a field that the prompt names is not given.
        """
        texts = [("system", self.system), ("user", self.user)]
        return tuple(
            Message(role, _template(text).render(**fields).strip())  # type: ignore[arg-type]
            for role, text in texts
            if text
        )


@cache
def _template(text: str) -> jinja2.Template:
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False
    )
    return environment.from_string(text)
