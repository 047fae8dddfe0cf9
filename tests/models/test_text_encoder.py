"""The sentence encoder: its weights are checked before they are loaded, and its cache changes nothing but time."""

from __future__ import annotations

import multiprocessing
import sqlite3
from pathlib import Path

import numpy as np
import pytest
import torch

from counterpoint.errors import BadInputError
from counterpoint.models import bases, text_encoder
from counterpoint.models.bases import default_cache
from counterpoint.models.text_encoder import TextEncoder, pooled_features
from small_encoder import small_text_encoder

TEXTS = ["a cup of tea", "another cup of rather stronger tea", "", "a cup of tea"]


@pytest.fixture(scope="module")
def real(embedding_cache: Path) -> TextEncoder:
    return TextEncoder.load(cache=embedding_cache)


def test_weights_that_are_not_the_published_ones_are_refused_before_anything_loads_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def loaded(folder: Path) -> None:
        pytest.fail(f"{folder} was loaded")

    monkeypatch.setattr(bases, "_carried", lambda _: [tmp_path / "model.safetensors"])
    monkeypatch.setattr(text_encoder, "_from_folder", loaded)
    with pytest.raises(BadInputError, match="no such file"):
        TextEncoder.load()
    (tmp_path / "model.safetensors").write_bytes(b"tea")
    found = "a9f74d1ec36ebdeb2da3f6e5868090cd2a2d20b3dcca7b62f60304b1d3d9ef42"  # printf tea | sha256sum
    with pytest.raises(BadInputError, match=rf"SHA-256 is {found}, expected 53aa5117.*Not loaded.*pip install"):
        TextEncoder.load()


def test_sentence_embeddings_are_means_over_the_last_layer_of_length_1(real: TextEncoder) -> None:
    embedded = real.embed(TEXTS)
    assert embedded.shape == (4, 384)
    assert embedded.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(embedded, axis=1), 1, rtol=1e-6)
    with torch.no_grad():
        states = real.module(input_ids=torch.tensor([real.token_ids(TEXTS[0])])).last_hidden_state[0].numpy()
    mean = states.mean(0)
    np.testing.assert_allclose(embedded[0], mean / np.linalg.norm(mean), atol=1e-6)


def test_sentences_that_mean_the_same_are_nearer_than_others(real: TextEncoder) -> None:
    cat, feline, tax = real.embed(["A cat sleeps on the sofa.", "A kitten naps on the couch.", "Taxes are due in May."])
    assert cat @ feline > 0.5 > 0.2 > cat @ tax


def test_padding_does_not_count(real: TextEncoder) -> None:
    ids = [torch.tensor(real.token_ids(text)) for text in TEXTS[:2]]
    batch = torch.nn.utils.rnn.pad_sequence(ids, batch_first=True)
    mask = torch.nn.utils.rnn.pad_sequence([torch.ones_like(row) for row in ids], batch_first=True)
    with torch.no_grad():
        pooled = pooled_features(real.module, batch, mask, real.pooled).numpy()
    np.testing.assert_allclose(pooled, real.features(TEXTS[:2]), atol=2e-6)


def test_a_long_text_keeps_its_beginning(real: TextEncoder) -> None:
    long = "tea " * 1000
    assert len(real.token_ids(long)) == 256
    np.testing.assert_array_equal(real.features([long]), real.features([long + "coffee"]))


def test_a_warm_cache_gives_what_a_cold_one_gave_bit_for_bit_and_computes_nothing(tmp_path: Path) -> None:
    uncached = small_text_encoder().features(TEXTS)
    told: list[int] = []
    cold = small_text_encoder(tmp_path).features(TEXTS, progress=told.append)
    assert told == [1, 1, 1]  # two of the four texts are the same
    told.clear()
    warm = small_text_encoder(tmp_path).features(TEXTS[::-1], progress=told.append)[::-1]
    assert told == []
    np.testing.assert_array_equal(cold, uncached)
    np.testing.assert_array_equal(warm, uncached)
    assert small_text_encoder(tmp_path).features([]).shape == (0, 32)


def test_neighbours_do_not_matter_to_a_text(tmp_path: Path) -> None:
    alone = [small_text_encoder().features([text])[0] for text in TEXTS]
    np.testing.assert_array_equal(small_text_encoder(tmp_path).features(TEXTS), np.stack(alone))


def test_another_encoder_does_not_read_this_one_s_embeddings(tmp_path: Path) -> None:
    small_text_encoder(tmp_path).features(TEXTS)
    other = small_text_encoder(tmp_path)
    other.identity = "another"
    told: list[int] = []
    other.features(TEXTS, progress=told.append)
    assert told == [1, 1, 1]


@pytest.mark.parametrize("breakage", ["garbage", "folder", "not a folder", "other table", "short rows", "wrong types"])
def test_a_broken_cache_only_costs_time(tmp_path: Path, breakage: str) -> None:
    expected = small_text_encoder().features(TEXTS)
    path = tmp_path / "cache"
    file = path / "embeddings.sqlite"
    if breakage == "not a folder":
        path.write_text("a file")
    elif breakage == "folder":
        file.mkdir(parents=True)
    elif breakage == "garbage":
        path.mkdir()
        file.write_bytes(b"no database" * 1000)
    else:
        small_text_encoder(path).features(TEXTS)
        connection = sqlite3.connect(file)
        with connection:
            if breakage == "other table":
                connection.execute("ALTER TABLE embedding RENAME COLUMN vector TO victor")
            else:
                value = b"\1\2\3\4\5" if breakage == "short rows" else "text"
                connection.execute("UPDATE embedding SET vector = ?", (value,))
        connection.close()
    np.testing.assert_array_equal(small_text_encoder(path).features(TEXTS), expected)
    if breakage in ("short rows", "wrong types"):  # and they are mended
        told: list[int] = []
        small_text_encoder(path).features(TEXTS, progress=told.append)
        assert told == []


def test_others_can_write_to_the_cache_while_texts_are_embedded(tmp_path: Path) -> None:
    small_text_encoder(tmp_path).features(["warm up"])

    def write_something(_: int) -> None:
        other = sqlite3.connect(tmp_path / "embeddings.sqlite", timeout=0)
        with other:
            other.execute("INSERT OR IGNORE INTO embedding VALUES (?, ?)", (b"key", b"value"))
        other.close()

    small_text_encoder(tmp_path).features(TEXTS, progress=write_something)


MANY = [f"text {i}" for i in range(60)]


def _embed(folder: Path) -> None:
    torch.set_num_threads(1)
    np.testing.assert_array_equal(small_text_encoder(folder).features(MANY), small_text_encoder().features(MANY))


def test_two_processes_at_once_get_and_leave_the_right_embeddings(tmp_path: Path) -> None:
    other = multiprocessing.get_context("spawn").Process(target=_embed, args=(tmp_path,))
    other.start()
    expected, rounds = small_text_encoder().features(MANY), 0
    while other.is_alive() or rounds == 0:
        with sqlite3.connect(tmp_path / "embeddings.sqlite", timeout=30) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS embedding (key BLOB PRIMARY KEY, vector BLOB)")
            connection.execute("DELETE FROM embedding")  # so that both have something to write
        connection.close()
        np.testing.assert_array_equal(small_text_encoder(tmp_path).features(MANY), expected)
        rounds += 1
    other.join()
    assert other.exitcode == 0


def test_memory_is_bounded_and_forgetting_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for memory in ("FEATURES_MEMORY", "STATES_MEMORY"):
        monkeypatch.setattr(text_encoder, memory, 2)
    encoder = small_text_encoder()
    first, states = encoder.features(TEXTS), encoder.lower([[5, 6], [7]], 1)
    assert not encoder._known
    assert not encoder._lower
    np.testing.assert_array_equal(encoder.features(TEXTS), first)
    assert torch.equal(encoder.lower([[5, 6], [7]], 1).states, states.states)
    monkeypatch.undo()
    assert torch.equal(encoder.lower([[5, 6], [7]], 1).states, states.states)
    assert torch.equal(encoder.lower([[7], [5, 6], [7]], 1).states, states.states[[2, 0, 1, 2]])
    assert len(encoder._lower) == 2


def test_where_embeddings_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERPOINT_CACHE", "/a")
    monkeypatch.setenv("XDG_CACHE_HOME", "/b")
    monkeypatch.setenv("HOME", "/c")
    assert default_cache() == Path("/a")
    monkeypatch.delenv("COUNTERPOINT_CACHE")
    assert default_cache() == Path("/b/counterpoint")
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    assert default_cache() == Path("/c/.cache/counterpoint")
