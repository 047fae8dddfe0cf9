"""Our rubrics. A change of wording raises the version; verdicts name version and hash."""

from __future__ import annotations

from collections.abc import Mapping

from counterpoint.evaluation.judge import Criterion, Rubric, Scale

POLE_SHOWN = Rubric(
    name="pole_shown",
    version=1,
    scale=Scale(0, 10),
    about=("pole", "description", "opposite", "opposite_description"),
    criteria=(
        Criterion(
            "shown",
            "How far the answer decides for the side asked about. 0: wholly for the opposite side. 5: for neither, for "
            "both alike, or it can't be told. 10: wholly and plainly for the side asked about.",
        ),
    ),
    text="Somebody was asked what to do in a situation in which two attitudes pull in different directions. Judge "
    "which of the two their answer acts on. Go by what the answer would have the person do and by the reasons it "
    "gives, not by whether you would do the same, and not by how well it is written. Naming an attitude is not acting "
    "on it.",
)
"""The PFT paper's open-ended score (arXiv 2604.12479): 0 to 10 for how far an answer shows a pole. Our wording."""

PERSONA_FIT = Rubric(
    name="persona_fit",
    version=1,
    scale=Scale(1, 5),
    about=("profile", "personality"),
    criteria=(
        Criterion(
            "style",
            "Whether the manner of the reply suits this personality: its tone, its pace, its humour, how much it "
            "explains. 1: it would put this person off. 3: a manner for anybody. 5: as if made for this person.",
        ),
        Criterion(
            "content",
            "Whether what the reply says suits this profile: it connects to the person's life where that helps and "
            "assumes nothing that contradicts it. 1: it misses or contradicts who this is. 3: it would suit anybody. "
            "5: only somebody who had taken in who this is would have said it.",
        ),
        Criterion(
            "manner",
            "Whether it reads like a person who takes part in the conversation: natural, lively, short. 1: a lecture "
            "or a form letter. 3: correct but flat or long. 5: natural, makes one want to answer, no word too many.",
        ),
    ),
    text="Somebody is talking with an assistant that has not been told who they are. You are told. Judge the "
    "assistant's last reply as this person would feel about it. A reply need not mention any fact about the person to "
    "suit them; reciting facts at them is no merit. Judge each point by itself.",
)
"""ALOE's three criteria, 1 to 5 (arXiv 2410.03642). The wording is ours."""

RUBRICS: Mapping[str, Rubric] = {rubric.name: rubric for rubric in (POLE_SHOWN, PERSONA_FIT)}
"""All of them by name."""
