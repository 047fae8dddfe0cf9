"""What is taken out of what a role said, and what a description must have in common with its source."""

from __future__ import annotations

import re

_ASIDE = re.compile(r"\*+[^*\n]+\*+")
_THOUGHTS = re.compile(r"^\s*<think>.*?</think>", re.DOTALL)
_LABEL = re.compile(r"^\s*(?:user|assistant|me|you|reply)\s*:\s*", re.IGNORECASE)
_QUOTES = (('"', '"'), ("\N{LEFT DOUBLE QUOTATION MARK}", "\N{RIGHT DOUBLE QUOTATION MARK}"))
_DECLINES = re.compile(
    r"\bas an ai\b|\blanguage model\b|\bsorry,? but (?:as|i) |\bi (?:can(?:'|\u2019)?t|cannot|am unable to) "
    r"(?:help|assist|fulfil|comply|engage|role|pretend|play)",
    re.IGNORECASE,
)
_NOTHING = {"", "none", "nothing", "n/a", "null"}
GROUNDED = 0.6
"""Share of a part's longer words that must stand in the description; ours."""


def said(text: str) -> str:
    """A message without thoughts, text between asterisks (gestures), role label and quotation marks around it.

    An asterisk without a partner on its line stays: it may begin a list.
    """
    text = text.encode("utf-8", "ignore").decode("utf-8").replace("\0", "")
    text = _LABEL.sub("", _ASIDE.sub("", _THOUGHTS.sub("", text))).strip()
    for left, right in _QUOTES:
        if len(text) > 1 and text[0] == left and text[-1] == right and left not in text[1:-1]:
            text = text[1:-1].strip()
    lines = (" ".join(line.split()) for line in text.splitlines())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def declines(text: str) -> bool:
    """Whether a model steps out of its role to say that it won't play it. "I can't" alone is ordinary talk."""
    return _DECLINES.search(text[:300]) is not None


def grounded_parts(answer: str, description: str) -> tuple[str, int]:
    """Parts of an answer that the description does say, joined by semicolons, and the number of those that it doesn't.

    To be conservative a part must take most of its longer words from the description. "None" is no part.
    """
    known = _words(description)
    parts = [part.strip(" .\n") for part in re.split(r"[;\n]", answer)]
    parts = [part for part in parts if part.casefold() not in _NOTHING]
    kept = [part for part in parts if _share(_words(part), known) >= GROUNDED]
    return "; ".join(kept), len(parts) - len(kept)


def _share(words: set[str], known: set[str]) -> float:
    return len(words & known) / len(words) if words else 0.0


def _words(text: str) -> set[str]:
    return {word for word in re.findall(r"\w+", text.casefold()) if len(word) > 3 or word.isdigit()}
