"""A sentence encoder of a few random weights and dilemmas of a few words: real code, no download, milliseconds."""

from __future__ import annotations

import json
import random
import re
import zlib
from pathlib import Path

import torch
from transformers import BertConfig, BertModel, MPNetConfig, MPNetModel

from counterpoint.data import taxonomy
from counterpoint.models.encoder import EncoderConfig, EncoderScorer
from counterpoint.models.text_encoder import TextEncoder
from counterpoint.types import Dilemma, Option, Taxonomy

RISK, TIME = "Risk Orientation", "Time Preference"
VCD = taxonomy("vcd")
TWO_PAIRS = Taxonomy("two pairs", (VCD.by_name[RISK], VCD.by_name[TIME]))
WORDS = {
    "Risk-taking": "leap gamble climb wager dive rush",
    "Risk-averse": "insure check lock shelter helmet plan",
    "Immediate gratification": "cake now tonight splurge nap treat",
    "Delayed gratification": "save later degree pension garden train",
}
"""What gives a pole away in made-up options; everything else in them is noise."""


LAYERS = {"bert": 1, "mpnet": 2}


class WordTokenizer:
    """A word's id is a hash of it."""

    def __call__(self, text: str, *, truncation: bool, max_length: int) -> dict[str, list[int]]:
        assert truncation
        words = re.findall(r"\w+", text.lower())[: max_length - 2]
        return {"input_ids": [1, *(3 + zlib.crc32(word.encode()) % 997 for word in words), 2]}


def small_text_encoder(cache: Path | None = None, *, kind: str = "bert") -> TextEncoder:
    """An encoder of 16 features with the same random weights at every call."""
    config, model = {"bert": (BertConfig, BertModel), "mpnet": (MPNetConfig, MPNetModel)}[kind]
    size = {"vocab_size": 1000, "hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 32}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = model(config(**size, num_hidden_layers=LAYERS[kind]), add_pooling_layer=False)
        torch.nn.init.normal_(module.embeddings.word_embeddings.weight)
    return TextEncoder(module, WordTokenizer(), "small", cache)


def small_scorer(config: EncoderConfig | None = None, taxonomy: Taxonomy = TWO_PAIRS) -> EncoderScorer:
    """An untrained scorer over the small encoder."""
    return EncoderScorer(small_text_encoder(), taxonomy.poles, config)


def made_up_dilemmas(count: int, *, seed: int = 0, taxonomy: Taxonomy = TWO_PAIRS) -> tuple[Dilemma, ...]:
    """Dilemmas of 2 to 4 options, pairs in turn; two words of each option tell its pole."""
    draw = random.Random(seed)
    dilemmas = []
    for i in range(count):
        pair = taxonomy.pairs[i % len(taxonomy)]
        names = [pair.positive.name, pair.negative.name]
        poles = names + draw.choices(names, k=draw.randrange(3))
        draw.shuffle(poles)
        options = tuple(
            Option(f"Person {i} may {' '.join(draw.sample(WORDS[pole].split(), 2))} thing {k}.", pole)
            for k, pole in enumerate(poles)
        )
        dilemmas.append(Dilemma(f"d{seed}-{i}", pair.name, f"Scenario {seed} number {i}.", options))
    return tuple(dilemmas)


def write_dilemmas(path: Path, dilemmas: tuple[Dilemma, ...]) -> Path:
    """The dilemmas as a file of our own form."""
    rows = (
        {
            "id": d.id,
            "value_pair": d.value_pair,
            "scenario": d.scenario,
            "options": [{"text": option.text, "pole": option.pole} for option in d.options],
        }
        for d in dilemmas
    )
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path
