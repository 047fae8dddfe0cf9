"""A chart as a file that stands alone: its own styles in plain colours, for editors and TeX know no CSS variables."""

from __future__ import annotations

import re

from counterpoint.evaluation.report import TEMPLATES

_RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
_VARIABLE = re.compile(r"var\(--([\w-]+)\)")
FONT = "Helvetica, Arial, sans-serif"


def standalone(chart: str) -> str:
    """The file's text: white paper, light colours."""
    size = re.search(r'viewBox="0 0 (\d+) (\d+)"', chart)
    width, height = size.groups() if size else ("100", "100")
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
    style = f"<style>{_styles()}</style>"
    opening, _, rest = chart.partition(">")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{head}{opening.removeprefix("<svg")}>{style}{rest}\n'


def _styles() -> str:
    """The charts' styles with every variable in place; what takes its colour from its method, once a method."""
    text = re.sub(r"/\*.*?\*/", "", (TEMPLATES / "charts.css").read_text(encoding="utf-8"), flags=re.S)
    page = (TEMPLATES / "page.css").read_text(encoding="utf-8")
    light = dict(re.findall(r"--([\w-]+):\s*([^;]+);", page[: page.index("@media")]))
    light |= {"sans": FONT, "paper": "#ffffff"}
    rules = [(selector.strip(), body.strip()) for selector, body in _RULE.findall(text)]
    inks = {s: light[m[1]] for s, body in rules if (m := re.fullmatch(r"--m:\s*var\(--([\w-]+)\);?", body))}
    found = []
    for selector, body in rules:
        if selector in inks:
            continue
        if "var(--m)" in body:
            kinds = [(f"{selector}{ink}", light | {"m": colour}) for ink, colour in inks.items()]
        else:
            kinds = [(selector, light)]
        found += [f"{name}{{{_filled(body, values)}}}" for name, values in kinds]
    return "".join(found)


def _filled(body: str, values: dict[str, str]) -> str:
    return _VARIABLE.sub(lambda variable: values[variable[1]], body)
