"""How the history experiment's methods are called, explained and drawn: one mark each, in every table and chart."""

from __future__ import annotations

from counterpoint.evaluation.method_labels import MethodLabel

PROPOSAL, RIVAL, FLAT = "belief", "single_preference", "belief_flat_prior"
CHARTED = (PROPOSAL, "belief_text_only", "single_preference_belief", "in_context", RIVAL, "pooled")
"""Methods that the charts show; the tables have all of them."""
_ALL = (
    MethodLabel("belief", "PFT, belief", "PFT, and a belief made from the choices: the proposal.", "m-pft", "circle"),
    MethodLabel(
        "belief_flat_prior",
        "PFT, belief, flat prior",
        "The same, without what many other people's choices teach about a newcomer.",
        "m-pft",
        "diamond",
        hollow=True,
    ),
    MethodLabel(
        "belief_text_only",
        "PFT, belief, texts alone",
        "The same, without using which value a dilemma is written about.",
        "m-pft",
        "square",
        hollow=True,
    ),
    MethodLabel("in_context", "PFT, in the prompt", "PFT, the choices told in the prompt.", "m-x1", "up"),
    MethodLabel(
        "mixed", "SFT mixed, in the prompt", "Trained on both poles unpaired, choices in the prompt.", "m-sft", "up"
    ),
    MethodLabel(
        "mixed_belief", "SFT mixed, belief", "Trained on both poles unpaired, with a belief.", "m-sft", "circle"
    ),
    MethodLabel(
        "single_preference",
        "One pole, in the prompt",
        "Trained on one pole, its instruction and the choices in the prompt. Everybody is served by the model of "
        "either pole in turn; the figure is the mean.",
        "m-x0",
        "down",
    ),
    MethodLabel(
        "single_preference_belief",
        "One pole, belief",
        "The same two models, with a belief: how much of the gain needs no training on both poles.",
        "m-x0",
        "circle",
        hollow=True,
    ),
    MethodLabel("pooled", "Everybody alike", "PFT, and what people at large would choose.", "m-rule", "cross"),
)
LABELS = {label.name: label for label in _ALL}
"""By name, in the order of tables."""
