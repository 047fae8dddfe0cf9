"""A typed client of the service (`counterpoint serve`). Needs httpx alone: `pip install 'counterpoint[serve]'`.

    with Client("http://127.0.0.1:8000", key) as client:
        client.record("ann", [Event("chose", dilemma="d7", groups=[[2]])])
        print(client.preferences("ann").summary)
        print(client.reply("What shall I do tonight?", person="ann").text)

Requests that may be repeated without harm are, where the connection fails or the service says to come again: every
`record` carries an idempotency key, so that a retry applies nothing twice. For streams and all of OpenAI's parameters
use the `openai` package with `base_url=".../v1"`.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from types import TracebackType
from typing import Any, Literal, TypeVar
from urllib.parse import quote

from counterpoint.errors import CounterpointError, MissingExtraError

try:
    import httpx
except ImportError as error:  # pragma: no cover - depends on what is installed
    raise MissingExtraError("counterpoint.client", "serve") from error

Kind = Literal[
    "chose", "chose_several", "ranked", "tied", "skipped", "liked", "disliked", "edited", "said", "retracted"
]
AGAIN = frozenset({429, 502, 503, 504})
"""Statuses after which it is worth coming again."""
LONGEST_WAIT = 10.0
"""Seconds between two attempts at most."""
R = TypeVar("R")


class ServiceError(CounterpointError):
    """The service refused or failed.

    Args:
        status: HTTP status; 0: it could not be reached.
        code: for programs, such as `unknown_person`.
        message: for people.
        request: id of the request, by which the service's logs have it.
    """

    def __init__(self, status: int, code: str, message: str, request: str = "") -> None:
        super().__init__(f"{message} ({status} {code}{f', request {request}' if request else ''})")
        self.status, self.code, self.message, self.request = status, code, message, request


@dataclass(frozen=True)
class Event:
    """Something a person did; which fields it needs depends on its kind (docs/beliefs.md)."""

    kind: Kind
    id: str = ""
    """Your name for it, unique for the person; the service gives one if empty."""
    time: float | str | None = None
    """When it happened: seconds since 1970 or ISO 8601; None: now."""
    dilemma: str = ""
    """Id or digest of what was shown."""
    groups: Sequence[Sequence[int]] = ()
    """Options by place from 0, best group first."""
    scene: str = ""
    """Where."""
    texts: Sequence[str] = ()
    """Liked, disliked: the reply. Edited: before and after."""
    pole: str = ""
    """Said: the side they named."""
    strength: float | None = None
    """Said: log-odds."""
    target: str = ""
    """Retracted: the id of the event taken back."""

    def as_json(self) -> dict[str, Any]:
        """As the service takes it, without fields that say nothing."""
        return {name: value for name, value in asdict(self).items() if value not in ("", (), [], None)}


@dataclass(frozen=True)
class Recorded:
    """What became of events."""

    events: Sequence[str]
    """Their ids, in the order sent."""
    added: int
    """How many were new."""
    repeated: int
    """How many were there already."""


@dataclass(frozen=True)
class Leaning:
    """Where somebody stands on one value pair."""

    value_pair: str
    positive: str
    """Name of the positive pole."""
    negative: str
    mean: float
    """Positive towards the positive pole; log-odds per nat of evidence."""
    sd: float
    low: float
    """Lower end of the central 90% interval."""
    high: float
    probability_positive: float
    evidence: float
    """ln(prior sd / sd), nats."""
    corrected: float | None
    """What they said themselves."""
    words: str


@dataclass(frozen=True)
class Preferences:
    """Where somebody stands."""

    person: str
    value_pairs: Sequence[Leaning]
    summary: str
    observations: int
    sequence: int
    """Of the last event this stands on."""
    last_event: str | None
    last_change: str | None
    as_of: str | None


@dataclass(frozen=True)
class Question:
    """A dilemma worth asking; send `digest` as the event's `dilemma`."""

    digest: str
    scenario: str
    question: str
    scene: str
    options: Sequence[str]
    information: float
    """What the answer is expected to tell, nats."""
    asked: int
    """How many were answered before."""


@dataclass(frozen=True)
class Ranked:
    """One option in its place."""

    index: int
    """Its place in what was sent."""
    text: str
    probability: float
    """That this person would choose it of all."""


@dataclass(frozen=True)
class Reply:
    """A reply."""

    text: str
    finish: str
    about_person: Mapping[str, Any]
    """What was done about the person: method, strength, whether they are known, and why nothing was done if nothing
    was."""


class Client:
    """One service with one API key. Close it, or use it with `with`.

    Args:
        url: where the service is, without `/v1`.
        key: an API key.
        timeout: seconds for each attempt.
        retries: attempts after the first.
    """

    def __init__(self, url: str, key: str, *, timeout: float = 60.0, retries: int = 2) -> None:
        self.retries = retries
        headers = {"authorization": f"Bearer {key}"}
        self._http = httpx.Client(base_url=url.rstrip("/"), headers=headers, timeout=timeout)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    # Learning

    def record(self, person: str, events: Sequence[Event], *, key: str = "") -> Recorded:
        """Send what somebody did, all or none; once this returns, it is on the service's disk.

        Args:
            person: who.
            events: in any order.
            key: idempotency key; a fresh one if empty.
        """
        body = {"events": [event.as_json() for event in events]}
        return _made(Recorded, self._person("POST", person, "events", json=body, key=key or uuid.uuid4().hex))

    def correct(self, person: str, value_pair: str, value: float) -> Preferences:
        """Their own word on a value pair, positive to the positive pole; 0: neither."""
        path = f"preferences/{quote(value_pair, safe='')}"
        return _preferences(self._person("PUT", person, path, json={"value": value}, key=uuid.uuid4().hex))

    def withdraw(self, person: str, value_pair: str) -> Preferences:
        """Take their own word back."""
        path = f"preferences/{quote(value_pair, safe='')}"
        return _preferences(self._person("DELETE", person, path, key=uuid.uuid4().hex))

    # Telling

    def preferences(self, person: str, *, as_of: float | str | None = None) -> Preferences:
        """Where they stand, now or at a moment."""
        query = {} if as_of is None else {"as_of": as_of}
        return _preferences(self._person("GET", person, "preferences", params=query))

    def next_question(self, person: str) -> Question | None:
        """The dilemma that would tell most; None: nothing left that is worth asking."""
        told = self._person("GET", person, "next-question")
        if (shown := told["dilemma"]) is None:
            return None
        options = [option["text"] for option in shown["options"]]
        return _made(Question, {**shown, **told, "options": options})

    def rank(
        self, person: str, options: Sequence[str], *, scenario: str = "", question: str = "", scene: str = ""
    ) -> list[Ranked]:
        """Options in the order this person would like them, best first."""
        body = {"options": list(options), "scenario": scenario, "question": question, "scene": scene}
        return [_made(Ranked, one) for one in self._person("POST", person, "rank", json=body)["ranked"]]

    def reply(
        self,
        text: str,
        *,
        person: str | None = None,
        model: str | None = None,
        method: str | None = None,
        strength: float = 1.0,
        explain: bool = False,
        both_sides: bool = False,
        max_tokens: int = 256,
        temperature: float = 1.0,
        seed: int | None = None,
    ) -> Reply:
        """One reply to one question, by the first model of the service unless another is named."""
        body = {
            "model": model or self.models()[0],
            "messages": [{"role": "user", "content": text}],
            "user": person,
            "max_tokens": max_tokens,
            "temperature": temperature,
            "seed": seed,
            "counterpoint": {"method": method, "strength": strength, "explain": explain, "both_sides": both_sides},
        }
        told = self._call("POST", "/v1/chat/completions", json=body)
        choice = told["choices"][0]
        return Reply(choice["message"]["content"], choice["finish_reason"], told["counterpoint"])

    def models(self) -> list[str]:
        """Names of what writes replies."""
        return [str(one["id"]) for one in self._call("GET", "/v1/models")["data"]]

    def people(self, *, after: str = "", limit: int = 50) -> list[str]:
        """Names of the tenant's people, those after `after`."""
        query = {"after": after, "limit": limit}
        return [str(one["person"]) for one in self._call("GET", "/v1/users", params=query)["people"]]

    # Everything held

    def export(self, person: str) -> dict[str, Any]:
        """Everything held about them."""
        return self._person("GET", person, "export")

    def take_in(self, document: Mapping[str, Any]) -> Preferences:
        """Import what `export` gave."""
        return _preferences(self._call("POST", "/v1/imports", json=document))

    def delete(self, person: str) -> dict[str, Any]:
        """Erase them completely; the signed receipt."""
        return self._person("DELETE", person)

    def verify(self, receipt: Mapping[str, Any]) -> bool:
        """Whether a receipt is this service's and as it was signed."""
        return bool(self._call("POST", "/v1/receipts/verify", json=receipt)["signed_here"])

    # Requests

    def _person(self, method: str, person: str, path: str = "", *, key: str = "", **rest: Any) -> dict[str, Any]:
        name = quote(person, safe="")
        return self._call(method, f"/v1/users/{name}" + (f"/{path}" if path else ""), key=key, **rest)

    def _call(self, method: str, path: str, *, key: str = "", **rest: Any) -> dict[str, Any]:
        headers = {"idempotency-key": key} if key else {}
        once = method == "POST" and not key and not path.endswith(("/rank", "/verify"))
        for attempt in range(self.retries + 1):
            wait = min(LONGEST_WAIT, 0.25 * 2**attempt)
            last = attempt == self.retries
            try:
                answer = self._http.request(method, path, headers=headers, **rest)
            except httpx.TransportError as error:
                if last or (once and not isinstance(error, httpx.ConnectError)):
                    raise ServiceError(0, "unreachable", f"the service can't be reached: {error}") from error
            else:
                if answer.is_success:
                    found: dict[str, Any] = answer.json()
                    return found
                if last or answer.status_code not in AGAIN or (once and answer.status_code != 429):
                    raise _refused(answer)
                wait = min(LONGEST_WAIT, _seconds(answer.headers.get("retry-after"), wait))
            time.sleep(wait)
        raise AssertionError("unreachable: the last attempt returns or raises")


def _refused(answer: httpx.Response) -> ServiceError:
    request = answer.headers.get("x-request-id", "")
    try:
        told = answer.json()["error"]
        return ServiceError(answer.status_code, str(told["code"]), str(told["message"]), request)
    except (ValueError, KeyError, TypeError):
        return ServiceError(answer.status_code, "unknown", answer.text[:200], request)


def _seconds(told: str | None, otherwise: float) -> float:
    try:
        return max(0.0, float(told)) if told else otherwise
    except ValueError:
        return otherwise


def _made(kind: type[R], told: Mapping[str, Any]) -> R:
    """A record from JSON; fields that a newer service adds are left out."""
    return kind(**{entry.name: told[entry.name] for entry in fields(kind)})  # type: ignore[arg-type]


def _preferences(told: Mapping[str, Any]) -> Preferences:
    return _made(Preferences, {**told, "value_pairs": [_made(Leaning, one) for one in told["value_pairs"]]})
