"""The encoder scorer: log-probabilities among a dilemma's options, kept bit for bit by its files."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from counterpoint.errors import BadInputError
from counterpoint.models.bases import BASES, LARGE, SMALL, BaseName
from counterpoint.models.encoder import EncoderConfig, EncoderScorer
from counterpoint.models.packed import distance_bias, embedded, through
from counterpoint.models.scorer import LogProbs, evidence
from counterpoint.models.text_encoder import TextEncoder, pooled_features
from counterpoint.training.fit import fit
from counterpoint.training.learners.encoder import EncoderLearner
from counterpoint.training.objective import OBJECTIVES
from counterpoint.training.settings import FitConfig
from counterpoint.types import Dilemma, Option, Pole, Taxonomy
from small_encoder import RISK, TIME, TWO_PAIRS, VCD, made_up_dilemmas, small_scorer, small_text_encoder

DILEMMAS = made_up_dilemmas(12)
ASKED = [TWO_PAIRS.by_name[dilemma.value_pair].poles for dilemma in DILEMMAS]
QUICK = FitConfig(calibration_folds=0, epochs=1)
TUNE = FitConfig(finetune=True, calibration_folds=0, epochs=1)


def trained(config: FitConfig = QUICK, name: str = "pft", taxonomy: Taxonomy = TWO_PAIRS) -> EncoderScorer:
    scorer = small_scorer(taxonomy=taxonomy)
    fit(scorer, made_up_dilemmas(16, seed=5, taxonomy=taxonomy), taxonomy, OBJECTIVES.get(name), config=config)
    return scorer


@pytest.fixture(scope="module", params=["frozen", "tuned"])
def scorer(request: pytest.FixtureRequest) -> EncoderScorer:
    return trained(TUNE if request.param == "tuned" else QUICK)


@pytest.fixture
def small_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is loaded is loaded over the small encoder."""
    monkeypatch.setattr(TextEncoder, "load", staticmethod(lambda *_, cache=None: small_text_encoder(cache)))


def same(one: list[LogProbs], other: list[LogProbs]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def right(scorer: EncoderScorer, dilemmas: tuple[Dilemma, ...], side: int) -> float:
    """Acc_one on the positive (0) or negative (1) side."""
    poles = [TWO_PAIRS.by_name[d.value_pair].poles for d in dilemmas]
    hits = [
        d.options[int(row[side].argmax())].pole == asked[side].name
        for d, row, asked in zip(dilemmas, scorer.score(dilemmas, poles), poles, strict=True)
    ]
    return sum(hits) / len(hits)


def test_rows_are_log_probabilities_over_the_dilemma_s_options(scorer: EncoderScorer) -> None:
    for dilemma, rows in zip(DILEMMAS, scorer.score(DILEMMAS, ASKED), strict=True):
        assert rows.shape == (2, len(dilemma.options))
        assert rows.dtype == np.float32
        np.testing.assert_allclose(np.exp(rows.astype(float)).sum(1), 1, atol=1e-6)
    assert scorer.score([], []) == []


def test_an_untrained_scorer_is_zero_shot_similarity() -> None:
    scorer = small_scorer()
    embed = scorer.text_encoder.embed
    for dilemma, poles, rows in zip(DILEMMAS, ASKED, scorer.score(DILEMMAS, ASKED), strict=True):
        cosine = embed([p.description for p in poles]) @ embed([o.text for o in dilemma.options]).T
        np.testing.assert_allclose(rows, cosine - np.log(np.exp(cosine).sum(1, keepdims=True)), atol=1e-6)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, len(DILEMMAS) - 1), st.randoms(use_true_random=False))
def test_the_order_of_options_only_permutes_scores(scorer: EncoderScorer, which: int, random: object) -> None:
    dilemma, order = DILEMMAS[which], list(range(len(DILEMMAS[which].options)))
    random.shuffle(order)  # type: ignore[attr-defined]
    [found] = scorer.score([dilemma.reordered(tuple(order))], [ASKED[which]])
    [plain] = scorer.score([dilemma], [ASKED[which]])
    np.testing.assert_allclose(found, plain[:, order], atol=2e-6)


def test_a_dilemma_s_scores_depend_neither_on_its_company_nor_on_the_other_poles_asked(scorer: EncoderScorer) -> None:
    together = scorer.score(DILEMMAS, ASKED)
    for dilemma, poles, rows in zip(DILEMMAS, ASKED, together, strict=True):
        [flipped] = scorer.score([dilemma], [poles[::-1]])
        np.testing.assert_allclose(flipped[::-1], rows, atol=2e-6)
        [one] = scorer.score([dilemma], [poles[1:]])
        np.testing.assert_allclose(one[0], rows[1], atol=2e-6)


def test_scoring_changes_nothing(scorer: EncoderScorer) -> None:
    first = scorer.score(DILEMMAS, ASKED)
    assert same(first, scorer.score(DILEMMAS, ASKED))


@pytest.mark.usefixtures("small_weights")
def test_a_saved_scorer_scores_bit_identically(scorer: EncoderScorer, tmp_path: Path) -> None:
    scorer.save(tmp_path / "new" / "folder")
    loaded = EncoderScorer.load(tmp_path / "new" / "folder")
    assert same(loaded.score(DILEMMAS, ASKED), scorer.score(DILEMMAS, ASKED))
    assert loaded.describe() == scorer.describe()
    assert loaded.poles == scorer.poles
    assert {file.name for file in (tmp_path / "new" / "folder").iterdir()} == {"scorer.json", "scorer.safetensors"}
    untrained = small_scorer().score(DILEMMAS, ASKED)
    assert not same(untrained, loaded.score(DILEMMAS, ASKED)), "nothing was trained, so nothing was tested"


@pytest.mark.usefixtures("small_weights")
def test_what_the_scorer_reads_is_saved_too(tmp_path: Path) -> None:
    scorer = small_scorer(EncoderConfig(reads="scenario"))
    fit(scorer, DILEMMAS, TWO_PAIRS, OBJECTIVES.get("pft"), config=QUICK)
    scorer.save(tmp_path)
    assert same(EncoderScorer.load(tmp_path).score(DILEMMAS, ASKED), scorer.score(DILEMMAS, ASKED))
    assert scorer.texts(DILEMMAS[0])[0] == f"{DILEMMAS[0].scenario} {DILEMMAS[0].options[0].text}"
    assert not same(small_scorer().score(DILEMMAS, ASKED), small_scorer(scorer.config).score(DILEMMAS, ASKED))


def _damage_json(folder: Path, **changes: object) -> None:
    record = json.loads((folder / "scorer.json").read_text())
    (folder / "scorer.json").write_text(json.dumps({**record, **changes}))


def _damage_tensors(folder: Path, **changes: torch.Tensor) -> None:
    save_file(load_file(folder / "scorer.safetensors") | changes, folder / "scorer.safetensors")
    _damage_json(folder, sha256=hashlib.sha256((folder / "scorer.safetensors").read_bytes()).hexdigest())


DAMAGE = {
    "no json": lambda f: (f / "scorer.json").unlink(),
    "no tensors": lambda f: (f / "scorer.safetensors").unlink(),
    "half a json": lambda f: (f / "scorer.json").write_text('{"format": '),
    "binary json": lambda f: (f / "scorer.json").write_bytes(b"\xff\xfe"),
    "a list": lambda f: (f / "scorer.json").write_text("[]"),
    "another format": lambda f: _damage_json(f, format="counterpoint.encoder/0"),
    "another encoder": lambda f: _damage_json(f, encoder="some other"),
    "an unknown setting": lambda f: _damage_json(f, config={"writes": "options"}),
    "no poles": lambda f: _damage_json(f, poles=[]),
    "poles that are none": lambda f: _damage_json(f, poles=["Risk-taking"]),
    "half the tensors": lambda f: (f / "scorer.safetensors").write_bytes((f / "scorer.safetensors").read_bytes()[:99]),
    "empty tensors": lambda f: (f / "scorer.safetensors").write_bytes(b""),
    "a head of another size": lambda f: _damage_tensors(f, weight=torch.zeros(32, 3)),
    "a mean of another size": lambda f: _damage_tensors(f, mean=torch.zeros(31)),
    "another scorer's tensors": lambda f: (
        small_scorer(EncoderConfig(reads="scenario")).save(f / "other")
        or (f / "other" / "scorer.safetensors").replace(f / "scorer.safetensors")
    ),
    "a stray tensor": lambda f: _damage_tensors(f, stray=torch.zeros(3)),
}


@pytest.mark.usefixtures("small_weights")
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_or_missing_folder_is_bad_input(tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "saved-scorer"
    trained().save(folder)
    DAMAGE[damage](folder)
    with pytest.raises(BadInputError, match="saved-scorer"):
        EncoderScorer.load(folder)


def test_a_pole_never_trained_on_gets_a_score_of_its_own() -> None:
    scorer = trained()
    new = Pole("Nostalgic", "Prefers what reminds of the past over what is new.")
    [rows] = scorer.score([DILEMMAS[0]], [(new, *ASKED[0])])
    assert np.isfinite(rows).all()
    assert not np.allclose(rows[0], rows[1], atol=1e-3)
    assert not np.allclose(rows[0], rows[2], atol=1e-3)


def test_a_known_pole_s_code_is_nearly_its_own_column_and_a_description_is_all_that_counts() -> None:
    scorer = small_scorer()
    codes = scorer.pole_codes(scorer.poles)
    assert codes.shape == (4, 4)
    assert codes.diag().min() > 0.75
    assert (codes - torch.diag(codes.diag())).abs().max() < 0.25
    renamed = Pole("another name", scorer.poles[1].description)
    torch.testing.assert_close(scorer.pole_codes([renamed])[:, 0], codes[:, 1])


def test_the_shared_frozen_encoder_is_bit_identical_after_tuning() -> None:
    scorer = small_scorer()
    before = {key: value.clone() for key, value in scorer.text_encoder.module.state_dict().items()}
    twin = scorer.fresh()
    fit(scorer, made_up_dilemmas(16, seed=5), TWO_PAIRS, OBJECTIVES.get("pft"), config=TUNE)
    assert scorer.tuned is not None
    tuned, prefix = scorer.tuned.members[0].layers.state_dict(), "encoder.layer."
    assert all(
        not torch.equal(tuned[key.removeprefix(prefix)], before[key]) for key in before if key.startswith(prefix)
    )
    after = scorer.text_encoder.module.state_dict()
    assert all(torch.equal(after[key], value) for key, value in before.items())
    assert same(twin.score(DILEMMAS, ASKED), small_scorer().score(DILEMMAS, ASKED))


@pytest.mark.parametrize("kind", ["bert", "mpnet"])
def test_texts_end_to_end_give_what_each_gives_alone(kind: str) -> None:
    encoder = small_text_encoder(kind=kind)
    # 0 is MPNet's start; 1, the made-up tokenizer's, is its padding
    ids = [[0, *encoder.token_ids(text)[1:]] for text in ("leap", "lock the door and check it", "dive now")]
    alone = [pooled_features(encoder.module, torch.tensor([own]), torch.ones(1, len(own)), [-1])[0] for own in ids]
    packed = embedded(encoder.module, ids)
    layers: Any = encoder.module.encoder
    found = through(layers.layer, packed, distance_bias(encoder.module, packed)).pooled()
    torch.testing.assert_close(found, torch.stack(alone))
    for below in range(encoder.layers + 1):  # some layers once, in half precision, the others after
        read = encoder.lower(ids, below)
        found = through(layers.layer[below:], read, distance_bias(encoder.module, read)).pooled()
        torch.testing.assert_close(found, torch.stack(alone), atol=0.01, rtol=0)
        assert torch.equal(encoder.lower(ids[::-1], below).lengths, read.lengths.flip(0))


def test_every_other_member_reads_the_end_of_the_scenario_before_the_option() -> None:
    scorer = trained(dataclasses.replace(TUNE, members=2, context_tokens=2))
    assert scorer.tuned is not None
    assert scorer.tuned.contexts == [0, 2]
    dilemma = Dilemma("d", RISK, "Once upon a time", (Option("leap", "Risk-taking"), Option("lock it", "Risk-averse")))
    word = {text: scorer.text_encoder.token_ids(text)[1] for text in ("a", "time", "leap", "lock", "it")}
    assert scorer.token_ids([dilemma], 0) == [[1, word["leap"], 2], [1, word["lock"], word["it"], 2]]
    assert scorer.token_ids([dilemma], 2)[0] == [1, word["a"], word["time"], 2, word["leap"], 2]
    bare = dataclasses.replace(dilemma, scenario="")
    assert scorer.token_ids([bare], 2) == scorer.token_ids([bare], 0)


def test_training_both_sides_serves_both_and_training_one_leaves_the_other_measured() -> None:
    unseen = made_up_dilemmas(60, seed=9)
    config = FitConfig(calibration_folds=0, head_precision=0.1)
    both, positive = (trained_on_many(name, config) for name in ("pft", "sft_positive"))
    assert right(both, unseen, 0) > 0.9
    assert right(both, unseen, 1) > 0.9
    assert right(positive, unseen, 0) > 0.9
    # nothing ties a pole to its opposite: what a one-sided scorer does on the other side is whatever it does
    assert right(positive, unseen, 1) < 0.8


def trained_on_many(name: str, config: FitConfig) -> EncoderScorer:
    scorer = small_scorer()
    fit(scorer, made_up_dilemmas(120, seed=5), TWO_PAIRS, OBJECTIVES.get(name), config=config)
    return scorer


def test_evidence_is_half_the_difference_of_the_poles() -> None:
    rows = np.array([[-1, -3], [-2, -0.5]], np.float32)
    assert evidence(rows).tolist() == [0.5, -1.25]


def test_the_real_encoder_round_trips_and_knows_all_poles(embedding_cache: Path, tmp_path: Path) -> None:
    del embedding_cache
    dilemmas = made_up_dilemmas(6)
    asked = [VCD.by_name[d.value_pair].poles for d in dilemmas]
    scorer = EncoderScorer.untrained(VCD)
    assert scorer.poles == VCD.poles
    fit(scorer, dilemmas, VCD, OBJECTIVES.get("pft"), config=QUICK)
    scorer.save(tmp_path)
    assert same(EncoderScorer.load(tmp_path).score(dilemmas, asked), scorer.score(dilemmas, asked))
    assert {d.value_pair for d in dilemmas} == {RISK, TIME}


def test_what_is_fine_tuned_is_built_on_the_large_encoder_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[str] = []

    def load(base: BaseName = SMALL, *, cache: Path | None = None) -> TextEncoder:
        asked.append(base)
        encoder = small_text_encoder(cache)
        encoder.identity = BASES[base].sha256
        return encoder

    monkeypatch.setattr(TextEncoder, "load", staticmethod(load))
    for finetune in (False, True):
        EncoderScorer.untrained(TWO_PAIRS, finetune=finetune)
    EncoderScorer.untrained(TWO_PAIRS, config=EncoderConfig(base=LARGE))
    scorer = EncoderScorer.untrained(TWO_PAIRS, config=EncoderConfig(base=SMALL), finetune=True)
    assert asked == [SMALL, LARGE, LARGE, SMALL]
    scorer.save(tmp_path / "small")
    EncoderScorer.untrained(TWO_PAIRS, finetune=True).save(tmp_path / "large")
    asked.clear()
    for name in ("small", "large"):
        EncoderScorer.load(tmp_path / name)
    assert asked == [SMALL, LARGE]
    frozen = EncoderLearner(TWO_PAIRS)
    tuned = EncoderLearner(TWO_PAIRS, settings=TUNE, like=frozen)
    again = EncoderLearner(TWO_PAIRS, settings=TUNE, like=tuned)
    assert [asked.pop(), asked.pop()] == [LARGE, SMALL], "another encoder is not lent, the same one is"
    assert again.untrained.text_encoder is tuned.untrained.text_encoder


def test_only_the_upper_layers_are_tuned_and_no_more_than_there_are() -> None:
    deep = EncoderScorer(small_text_encoder(kind="mpnet"), TWO_PAIRS.poles)
    for asked, found in ((1, 1), (2, 2), (6, 2)):
        assert deep.start_tuning([0], asked).depth == found
    member = deep.start_tuning([0], 1).members[0]
    own, frozen = member.layers.state_dict(), deep.text_encoder.module.encoder.layer[-1:].state_dict()
    assert all(torch.equal(own[key], frozen[key]) for key in frozen)
    assert {name.split(".")[0] for name, _ in member.named_parameters()} == {"layers", "head"}


@pytest.mark.usefixtures("small_weights")
def test_only_scenarios_that_are_trained_on_are_read_beforehand() -> None:
    learner, told = EncoderLearner(TWO_PAIRS), list[tuple[int, int]]()
    known = learner.untrained.text_encoder._known
    before = set(known)
    trained, asked = DILEMMAS[:4], DILEMMAS[4:6]
    learner.prepare(trained, lambda done, total: told.append((done, total)), asked=asked)
    options = {option.text for d in (*trained, *asked) for option in d.options}
    assert set(known) - before == options | {d.scenario for d in trained}
    assert told[-1] == (len(options) + 4, len(options) + 4)
