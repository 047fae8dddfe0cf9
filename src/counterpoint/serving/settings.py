"""What the operator decides. Requests can change none of it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any
from urllib.parse import urlsplit

from counterpoint.errors import BadInputError, UnknownNameError

SETTINGS = "COUNTERPOINT_SERVE"
"""Environment variable by which `counterpoint serve` hands its settings to worker processes; no secret is in it."""
UPSTREAM_KEY = "COUNTERPOINT_UPSTREAM_KEY"
"""Environment variable with the key for the upstream endpoint."""


@dataclass(frozen=True)
class Settings:
    """One service. Everything has a default that runs on a laptop, offline."""

    model: str = "lm:tiny"
    """Who writes replies: `lm:...` in this process or, with `upstream`, a model's name there."""
    upstream: str = ""
    """Base URL of an OpenAI-compatible endpoint, such as http://vllm:8000/v1. Empty: the model is in this process."""
    upstream_key: str = field(default="", repr=False)
    """Sent to the upstream endpoint and nowhere else; read from the environment, never logged."""
    adapters: tuple[str, ...] = ()
    """Adapters to serve beside the model: `NAME-vN=FOLDER` in process, `NAME-vN` for an upstream that has them loaded.
    A name is never used for other weights again."""
    store: str = "sqlite:///counterpoint.db"
    """The database: sqlite:///FILE or postgresql+psycopg://..."""
    secrets: str = ""
    """The file with the keys that sign receipts, links and sessions; made if it isn't there. Empty: beside SQLite's
    file. Replicas share one."""
    data: str = ""
    """Dilemmas that events and questions are about: a file, a folder, 'crossroads' or 'toy'. Empty: the toy world with
    lm:tiny, which knows no other; crossroads with any other model."""
    taxonomy: str = ""
    """vcd, bqd, preference or a TOML file; empty: what the data say."""
    scorer: str = "encoder"
    """Reads evidence: 'encoder', taught on the data when first needed, or a saved scorer's folder."""
    user_model: str = "gaussian"
    """How beliefs are inferred."""
    method: str = ""
    """Steering method of requests that name none; empty: mixture in process, instruction upstream."""
    materials: str = ""
    """Folder with what methods need, one folder a method by its name; a method without what it needs is left out."""
    dials: str = ""
    """Folder with calibrated strengths, METHOD.json; empty: as the methods come."""
    max_body: int = 1 << 20
    """Bytes of a request's body at most; more is 413."""
    max_batch: int = 1000
    """Events in one request at most."""
    max_new_tokens: int = 1024
    """Tokens of a reply at most, whatever a request asks for."""
    max_choices: int = 8
    """Replies to one request (`n`) at most."""
    max_waiting: int = 256
    """Replies that may wait for the model in process; beyond it requests are refused with 503."""
    max_rows: int = 16
    """Replies that the model in process writes together."""
    timeout: float = 60.0
    """Seconds until a request that hasn't begun to answer is given up (504), and until a reply is cut short."""
    body_timeout: float = 15.0
    """Seconds for a request's body to arrive; then 408."""
    rate: float = 50.0
    """Requests a second that a key may make in the long run, in one process; 0: any number."""
    burst: int = 200
    """Requests that a key may make at once before the rate counts."""
    key_cache: float = 2.0
    """Seconds for which a key that was found good is not looked up again: so long a revoked key may still work."""
    grace: float = 30.0
    """Seconds that requests under way get to finish after SIGTERM."""
    log_prompts: bool = False
    """Keep prompts and replies in the store's prompt log; erased with the person. Never in the process's logs."""
    pages: bool = True
    """Serve the pages."""
    notice: str = ""
    """One line on top of every page, such as that people here are simulated."""
    public_url: str = ""
    """Where browsers reach the service, such as https://people.example.org; makes cookies Secure where it is https."""

    def __post_init__(self) -> None:
        if self.upstream and not _is_address(self.upstream):
            raise BadInputError(f"upstream {self.upstream!r} is no http(s) URL, such as http://vllm:8000/v1")
        if not self.upstream and not self.model.startswith("lm:"):
            raise BadInputError(
                f"model {self.model!r} is not lm:...; for a model elsewhere name its endpoint (upstream)"
            )
        for name in ("max_body", "max_batch", "max_new_tokens", "max_choices", "max_waiting", "max_rows", "burst"):
            if getattr(self, name) < 1:
                raise BadInputError(f"{name} must be at least 1 (got {getattr(self, name)})")
        for name in ("timeout", "body_timeout"):
            if not getattr(self, name) > 0:
                raise BadInputError(f"{name} must be above 0 seconds (got {getattr(self, name)})")
        for name in ("rate", "key_cache", "grace"):
            if not getattr(self, name) >= 0:
                raise BadInputError(f"{name} must be at least 0 (got {getattr(self, name)})")

    @property
    def data_name(self) -> str:
        """The data set, whether named or not."""
        return self.data or ("toy" if self.model == "lm:tiny" and not self.upstream else "crossroads")

    @property
    def secure_cookies(self) -> bool:
        """Whether browsers reach us by https."""
        return self.public_url.startswith("https://")

    def to_environment(self) -> str:
        """JSON for `SETTINGS`, without the secret."""
        kept = asdict(self)
        del kept["upstream_key"]
        return json.dumps(kept)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """What `counterpoint serve` put there, defaults where it said nothing.

        Raises:
            BadInputError: it is not JSON, or a value is not what it must be.
            UnknownNameError: a setting has a name that none has.
        """
        environment = os.environ if environment is None else environment
        try:
            told = json.loads(environment.get(SETTINGS, "{}"))
        except ValueError as error:
            raise BadInputError(f"{SETTINGS} is not JSON: {error}") from error
        known = {entry.name for entry in fields(cls)} - {"upstream_key"}
        for name in told:
            if name not in known:
                raise UnknownNameError("setting", name, known)
        told["adapters"] = tuple(told.get("adapters", ()))
        return replace(cls(**told), upstream_key=environment.get(UPSTREAM_KEY, ""))


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False


def changed(settings: Settings, name: str, value: str) -> Settings:
    """Settings with one changed, its value as text.

    Raises:
        UnknownNameError: there is no such setting.
        BadInputError: it doesn't take this value.
    """
    known = {entry.name: entry.type for entry in fields(Settings) if entry.name not in ("upstream_key", "adapters")}
    if name not in known:
        raise UnknownNameError("setting", name, known)
    try:
        read = _READERS[str(known[name])](value)
    except (KeyError, ValueError):
        raise BadInputError(f"setting {name}={value!r}: expected {_KINDS[str(known[name])]}") from None
    return replace(settings, **{name: read})


_READERS: Mapping[str, Callable[[str], Any]] = {
    "str": str,
    "int": int,
    "float": float,
    "bool": {"true": True, "false": False, "1": True, "0": False}.__getitem__,
}
_KINDS = {"str": "text", "int": "a whole number", "float": "a number", "bool": "true or false"}
