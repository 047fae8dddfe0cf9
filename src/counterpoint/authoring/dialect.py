"""What an endpoint understands of a standard chat completion, learnt from what it refuses.

Servers differ: some know no JSON schemas, some call `max_tokens` `max_completion_tokens`, some models take no
temperature. A request that is refused (400 or 422) is said more plainly, and what worked is remembered.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from counterpoint.authoring.calls import Call

Forms = Literal["json_schema", "json_object", "text"]
_PLAINER: dict[Forms, Forms | None] = {"json_schema": "json_object", "json_object": "text", "text": None}


@dataclass(frozen=True)
class Dialect:
    """How requests are put to one endpoint."""

    forms: Forms = "json_schema"
    """How a form is asked for in `response_format`; in words it always is."""
    limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """What the most tokens of an answer are called."""
    without: frozenset[str] = frozenset()
    """Settings of sampling that the endpoint refuses."""

    def body(self, call: Call, model: str) -> dict[str, Any]:
        """The request."""
        messages = [{"role": message.role, "content": message.content} for message in call.messages]
        settings = {"temperature": call.sampling.temperature, "top_p": call.sampling.top_p, "seed": call.seed}
        body = {"model": model, "messages": messages, self.limit: call.sampling.max_tokens}
        body |= {name: value for name, value in settings.items() if name not in self.without}
        if call.form is not None and self.forms != "text":
            body["response_format"] = self._format(call.form)
        return body

    def plainer(self, call: Call, refusal: str) -> Dialect | None:
        """How to put the same call more plainly, given what the endpoint said; None if there is no way left."""
        if self.limit in refusal and self.limit == "max_tokens":
            return replace(self, limit="max_completion_tokens")
        for name in ("temperature", "top_p", "seed"):
            if name in refusal and name not in self.without:
                return replace(self, without=self.without | {name})
        plainer = _PLAINER[self.forms]
        return replace(self, forms=plainer) if call.form is not None and plainer is not None else None

    def _format(self, form: dict[str, Any]) -> dict[str, Any]:
        if self.forms == "json_object":
            return {"type": "json_object"}
        name = str(form.get("title", "answer"))
        return {"type": "json_schema", "json_schema": {"name": name, "schema": form, "strict": True}}
