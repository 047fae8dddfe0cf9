"""Which options a reply in words chooses. Tolerant of form, never of doubt: what could mean two things means nothing.

Asked for is JSON on one line (`models/prompts.py`). Models also wrap it in prose or fences, use other quotes, forget to
close it, write "Option B" or the option's whole text. Three readings are tried; the first that finds a claim decides:

1. JSON objects, wherever they stand, with a key such as "choice";
2. such a key followed by something like a value, in JSON that is broken, cut off or without its braces;
3. the reply as prose: a letter it begins with, "I choose B", an option's text.

Claims that differ make a reply unreadable, and so do an option that isn't there, an empty list, and a list that was cut
off. A number stands for the option at that place, counted from 1, since nothing is numbered from 0 in prose.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

LIMIT = 20_000
"""Characters of a reply that are read."""
OBJECTS = 50
"""Beginnings of JSON objects, and keys in broken ones, that are tried."""

CHOICE_KEYS = frozenset(
    {"choice", "choices", "answer", "answers", "option", "selected", "selection", "letter", "letters"}
)
EXPLANATION_KEYS = ("explanation", "reason", "reasoning", "rationale", "why")

QUOTES = "\"'`´“”„‟‘’‚‛«»‹›「」『』〝〞＂＇"
_Q = f"[{QUOTES}]"
_KEY = re.compile(rf"{_Q}?\b({'|'.join(sorted(CHOICE_KEYS, key=len, reverse=True))})\b{_Q}?\s*[:=]\s*", re.I)
_EXPLANATION = re.compile(rf"{_Q}?\b(?:{'|'.join(EXPLANATION_KEYS)})\b{_Q}?\s*[:=]\s*{_Q}(.*)", re.I | re.S)
_ITEM = re.compile(rf"\s*(?:{_Q}(?P<quoted>[^{QUOTES}\n]*){_Q}|(?P<bare>[^,\]{{}}{QUOTES}\n]+))\s*(?P<next>[,\]]|$)")
_SCALAR = re.compile(rf"(?:{_Q}(?P<quoted>[^\n{QUOTES}]*)(?:{_Q}|$)|(?P<bare>(?:[^,}}\n{QUOTES}]|\b['’]\b)+))")

_LABEL = r"(?:the\s+)?(?:options?|choices?|answers?|letters?)"
_MARKED = rf"[\s(\[*_#{QUOTES}]{{0,9}}"
_ONE = re.compile(
    rf"{_MARKED}(?:{_LABEL}\b[\s:#]{{0,9}})?{_MARKED}(?P<what>[^\W\d_]|\d{{1,9}})(?!['’]\w)"
    rf"(?P<rest>\s*$|\s*[.,:;)\]}}*!\-–—{QUOTES}].*|\s+(?:because|since|as|for)\b.*)",
    re.I | re.S,
)
_BRACKET = re.compile(r"(?P<what>[A-Z])\s*\(", re.I)
"""A letter whose option's text stands in brackets."""
_BETWEEN = re.compile(r"\s*(?:,\s*(?:and|or)\b|,|;|/|&|\+|\band\b|\bplus\b)\s*", re.I)
_DECIDES = (
    r"(?:answer|choice|choose|chose|pick|picked|select|selected|opt\s+for|go\s+(?:with|for)|going\s+(?:with|for))"
    r"\b[\s:*]*(?:is|are|would\s+be|will\s+be)?"
)
_NO_WORD = r"(?![AI]\s+(?!(?:because|since|as|for|and|or)\b)[A-Z])"
_STRONG = re.compile(rf"\b{_DECIDES}[\s:]*(?:{_LABEL}\b)?{_MARKED}{_NO_WORD}(?P<what>[A-Z])(?![\w'’])", re.I)
_WEAK = re.compile(rf"(?:\b{_LABEL}\s+{_MARKED}|\()(?P<what>[A-Za-z])(?![\w'’])", re.I)
_DENIES = re.compile(r"\b(?:not|never|neither|nor|rather\s+than|instead\s+of|avoid)\b|n['’]t\b", re.I)

Claim = tuple[int, ...] | None
"""Options that something says; None for something unreadable."""


@dataclass(frozen=True)
class ParsedAnswer:
    """What a reply says."""

    choices: tuple[int, ...] | None
    """The options chosen, in the order named, each once; None where that can't be told."""
    explanation: str | None
    """The reason given in JSON, as far as it goes."""

    @property
    def choice(self) -> int | None:
        """The option chosen where one was asked for: None if it can't be told or there are several."""
        return self.choices[0] if self.choices is not None and len(self.choices) == 1 else None


def parse_answer(text: str, options: int, *, texts: Sequence[str] = ()) -> ParsedAnswer:
    """What `text` chooses of `options` options; `texts` are theirs, in the order shown. Never raises."""
    said = _without_thoughts(text[:LIMIT])
    reader = _Reader(options, tuple(_plain(option) for option in texts))
    objects = _objects(said)
    claims = [claim for found in objects for claim in reader.of_object(found)]
    claims = claims or reader.of_broken_json(said)
    if not claims or ("{" not in said and claims == [None]):  # "my answer: I choose B" is prose after all
        claims = reader.of_prose(_without_fences(said))
    first = claims[0] if claims else None
    agreed = first is not None and all(claim is not None and set(claim) == set(first) for claim in claims)
    return ParsedAnswer(first if agreed else None, _explanation(objects, said))


class _Reader:
    """Finds claims about the options of one dilemma. `texts`: theirs, plain; may be none."""

    def __init__(self, options: int, texts: tuple[str, ...]) -> None:
        self.options, self.texts = options, texts

    def of_object(self, found: dict[str, Any]) -> list[Claim]:
        """Claims under its keys, or else under those of objects inside it."""
        claims = [
            self.of_value(value)
            for key, values in found.items()
            if _key(key) in CHOICE_KEYS
            for value in values
            if not _is_blank(value)
        ]
        inner = [value for values in found.values() for value in values if isinstance(value, dict)]
        return claims or [claim for value in inner for claim in self.of_object(value)]

    def of_value(self, value: Any) -> Claim:
        """What a JSON value chooses."""
        if isinstance(value, bool) or value is None:
            return None
        if isinstance(value, int):
            return self._place(value)
        if isinstance(value, str):
            return self.of_words(value)
        if isinstance(value, list):
            return _together([None if isinstance(item, list) else self.of_value(item) for item in value])
        if isinstance(value, dict):
            claims = self.of_object(value)
            return claims[0] if len(claims) == 1 else None
        return None

    def of_broken_json(self, text: str) -> list[Claim]:
        """Claims after anything that looks like one of our keys."""
        claims = []
        for match in islice(_KEY.finditer(text), OBJECTS):
            after = text[match.end() :]
            value = _SCALAR.match(after)
            if after.startswith("["):
                claims.append(self._of_list(after[1:]))
            elif value and not _is_blank(found := value["quoted"] or value["bare"] or ""):
                claims.append(self.of_words(found))
        return claims

    def _of_list(self, text: str) -> Claim:
        """Items up to the bracket, or up to the end where only the bracket is missing."""
        items: list[Claim] = []
        at = 0
        while match := _ITEM.match(text, at):
            items.append(self.of_words(match["quoted"] if match["quoted"] is not None else match["bare"]))
            at = match.end()
            if match["next"] != ",":
                return _together(items)
            if text[at:].lstrip().startswith("]"):  # a comma too many
                return _together(items)
        return None

    def of_words(self, words: str) -> Claim:
        """A letter, a place, several of them, or an option's text."""
        named = self.of_texts(words)
        if named and _plain(words) in self.texts:
            return named
        words = unicodedata.normalize("NFKC", words).strip()
        parts = [part for part in _BETWEEN.split(words) if part]
        if len(parts) > 1 and all(
            re.fullmatch(rf"{_MARKED}(?:{_LABEL}\b[\s:#]{{0,9}})?{_MARKED}\w\W*", p, re.I) for p in parts
        ):
            return _together([self._one(part) for part in parts])
        if match := _ONE.fullmatch(words) or (_BRACKET.match(words) if named else None):
            claim = self._label(match["what"])
            return None if named and claim != named else claim
        return named

    def _one(self, part: str) -> Claim:
        match = _ONE.fullmatch(part)
        return self._label(match["what"]) if match else None

    def of_texts(self, words: str) -> Claim:
        """The only option whose whole text stands in these words."""
        plain = f" {_plain(words)} "
        named = [i for i, text in enumerate(self.texts) if text and f" {text} " in plain]
        # an option's text may hold another's: the longer one is meant
        named = [i for i in named if not any(j != i and f" {self.texts[i]} " in f" {self.texts[j]} " for j in named)]
        return (named[0],) if len(named) == 1 else None

    def of_prose(self, text: str) -> list[Claim]:
        """What a reply without JSON says."""
        words = text.strip()
        try:
            value = json.loads(words)
        except (ValueError, RecursionError):
            value = words
        whole = self.of_value(value) if isinstance(value, list | int | str) else None
        begins = isinstance(value, str) and _ONE.fullmatch(unicodedata.normalize("NFKC", value).strip())
        if whole is not None or begins or isinstance(value, list | int):
            return [whole]
        for cue in (_STRONG, _WEAK):
            if found := list(cue.finditer(words)):
                denied = any(_DENIES.search(words[max(0, match.start() - 40) : match.start()]) for match in found)
                return [None] if denied else [self._label(match["what"]) for match in found]
        return []

    def _label(self, what: str) -> Claim:
        if what.isdecimal():
            return self._place(int(what))
        index = ord(what.upper()) - ord("A") if len(what.upper()) == 1 else -1
        return (index,) if 0 <= index < min(self.options, 26) else None

    def _place(self, number: int) -> Claim:
        return (number - 1,) if 1 <= number <= self.options else None


def _together(claims: Sequence[Claim]) -> Claim:
    """Several claims of one answer: all that is chosen, each once; unreadable if any is, or if there is none."""
    if not claims or any(claim is None for claim in claims):
        return None
    return tuple(dict.fromkeys(option for claim in claims if claim for option in claim))


def _objects(text: str) -> list[dict[str, list[Any]]]:
    """JSON objects in the text, outermost only. Values are lists: a key may stand there twice."""
    decoder = json.JSONDecoder(object_pairs_hook=_all_values, strict=False)
    found: list[dict[str, list[Any]]] = []
    at = text.find("{")
    for _ in range(OBJECTS):
        if at < 0:
            break
        try:
            value, end = decoder.raw_decode(text, at)
            found.append(value)
        except (ValueError, RecursionError):
            end = at + 1
        at = text.find("{", end)
    return found


def _all_values(pairs: list[tuple[str, Any]]) -> dict[str, list[Any]]:
    values: dict[str, list[Any]] = {}
    for key, value in pairs:
        values.setdefault(key, []).append(value)
    return values


def _key(text: str) -> str:
    return text.strip().casefold()


def _is_blank(value: Any) -> bool:
    """Whether this is the form that was asked for, repeated unfilled."""
    items = value if isinstance(value, list) and value else [value]
    return all(isinstance(item, str) and not item.strip(" .…_<>") for item in items)


def _explanation(objects: Sequence[dict[str, list[Any]]], text: str) -> str | None:
    for found in objects:
        for key, values in found.items():
            if _key(key) in EXPLANATION_KEYS:
                for value in values:
                    if isinstance(value, str) and not _is_blank(value):
                        return value.strip()
    match = None if objects else _EXPLANATION.search(text)
    if match is None:
        return None
    reason = re.split(rf"{_Q}\s*(?:[}}]|,\s*{_Q}?\w+{_Q}?\s*:|```|$)", match[1], maxsplit=1)[0]
    return reason.strip(QUOTES + " \n,}") or None


def _plain(text: str) -> str:
    """Words alone, in one case: what two writers of a sentence have in common."""
    return " ".join(re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold()))


def _without_thoughts(text: str) -> str:
    """The reply after a reasoning model's thoughts; nothing, if it never stopped thinking."""
    start = text.lstrip()
    if start.startswith(("{", "[", "```")):
        return text
    return text.rpartition("</think>")[2] if "</think>" in text else text.partition("<think>")[0]


def _without_fences(text: str) -> str:
    return re.sub(r"^\s*```\w*[ \t]*$|^\s*```\s*$", "", text, flags=re.M).strip().strip("`")
