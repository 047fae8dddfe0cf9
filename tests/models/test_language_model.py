"""Loading, adapters that can be switched off, and their files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

from counterpoint.errors import BadInputError, MissingExtraError
from counterpoint.models.language_model import RECORD, LanguageModel, LoraSettings
from small_language import language, randomised, weights

IDS = torch.arange(20, 50)[None]


def logits(model: LanguageModel) -> Tensor:
    with torch.no_grad():
        result: Tensor = model.model(IDS).logits
    return result


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("base")
    language(folder=path)
    return path


def adapted(folder: Path, seed: int = 1) -> LanguageModel:
    made = LanguageModel.load(f"lm:{folder}")
    made.add_adapter(seed=seed)
    randomised(made.model, seed)
    return made


def test_a_folder_is_loaded_ready_to_score_and_nothing_in_it_trains(folder: Path) -> None:
    made = LanguageModel.load(f"lm:{folder}")
    assert not made.model.training
    assert not any(p.requires_grad for p in made.model.parameters())
    assert made.name == f"lm:{folder}"
    assert torch.equal(logits(made), weights()(IDS).logits)
    assert made.model.dtype == torch.float32
    assert LanguageModel.load(f"lm:{folder}", dtype=torch.bfloat16).model.dtype == torch.bfloat16


def test_identity_is_of_the_weights_not_of_the_folder(folder: Path, tmp_path: Path) -> None:
    same, other = tmp_path / "same", tmp_path / "other"
    language(folder=same)
    language(folder=other, seed=1)
    identities = [LanguageModel.load(f"lm:{path}").identity for path in (folder, same, other)]
    assert identities[0] == identities[1] != identities[2]
    assert identities[0].startswith("sha256:")


@pytest.mark.parametrize("name", ["tiny", "lm:", "", "lm:/no/such/folder"])
def test_names_that_lead_nowhere_are_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(BadInputError, match="xpected"):
        LanguageModel.load(name)


def test_weights_that_are_not_safetensors_are_refused(tmp_path: Path) -> None:
    made = language(folder=tmp_path)
    (tmp_path / "model.safetensors").unlink()
    torch.save(made.model.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(BadInputError, match="safetensors"):
        LanguageModel.load(f"lm:{tmp_path}")


def test_four_bit_weights_need_a_gpu(folder: Path) -> None:
    with pytest.raises((BadInputError, MissingExtraError), match=r"GPU|bitsandbytes"):
        LanguageModel.load(f"lm:{folder}", quantisation="4bit", device="cpu")


def test_a_new_adapter_changes_nothing_and_is_all_that_trains(folder: Path) -> None:
    made = LanguageModel.load(f"lm:{folder}")
    before = logits(made)
    made.add_adapter(LoraSettings(rank=3, modules=("q_proj", "up_proj")), seed=0)
    assert torch.equal(logits(made), before)
    trained = {name: p.shape for name, p in made.model.named_parameters() if p.requires_grad}
    # two layers, two modules, two factors
    assert len(trained) == 8
    assert all("lora_" in name and 3 in shape for name, shape in trained.items())


def test_adapters_of_one_seed_are_equal_and_of_two_differ(folder: Path) -> None:
    state = torch.get_rng_state()
    first, again, other = ([p.clone() for p in _lora(folder, seed)] for seed in (0, 0, 1))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(first, other, strict=True))
    assert torch.equal(torch.get_rng_state(), state)


def _lora(folder: Path, seed: int) -> list[Tensor]:
    made = LanguageModel.load(f"lm:{folder}")
    made.add_adapter(seed=seed)
    return [p for name, p in made.model.named_parameters() if "lora_A" in name]


def test_a_module_that_is_not_there_is_refused(folder: Path) -> None:
    with pytest.raises(BadInputError, match="no_such"):
        LanguageModel.load(f"lm:{folder}").add_adapter(LoraSettings(modules=("no_such",)))


def test_without_its_adapter_it_is_the_base_to_the_last_bit_and_with_it_as_before(folder: Path) -> None:
    made = adapted(folder)
    before = logits(made)
    flags = [p.requires_grad for p in made.model.parameters()]
    with made.without_adapter():
        assert torch.equal(logits(made), weights()(IDS).logits)
    assert torch.equal(logits(made), before)
    assert not torch.equal(before, weights()(IDS).logits)
    assert [p.requires_grad for p in made.model.parameters()] == flags


def test_the_adapter_comes_back_on_even_after_an_error(folder: Path) -> None:
    made = adapted(folder)
    before = logits(made)
    with pytest.raises(ZeroDivisionError), made.without_adapter():
        raise ZeroDivisionError
    assert torch.equal(logits(made), before)
    assert any(p.requires_grad for p in made.model.parameters())


def test_without_an_adapter_switching_it_off_does_nothing(folder: Path) -> None:
    made = LanguageModel.load(f"lm:{folder}")
    with made.without_adapter():
        assert torch.equal(logits(made), weights()(IDS).logits)


def test_gradients_flow_through_what_was_computed_before_the_adapter_was_switched_off(folder: Path) -> None:
    made = adapted(folder)
    policy = made.model(IDS).logits.sum()
    with made.without_adapter(), torch.no_grad():
        made.model(IDS)
    policy.backward()
    assert all(p.grad is not None for p in made.model.parameters() if p.requires_grad)


def test_an_adapter_removed_leaves_the_base_and_another_can_follow(folder: Path) -> None:
    made = adapted(folder)
    made.remove_adapter()
    assert not made.has_adapter
    assert torch.equal(logits(made), weights()(IDS).logits)
    made.add_adapter(seed=2)
    made.add_adapter(seed=3)
    assert sum("lora_A" in name for name, _ in made.model.named_parameters()) == 8


def test_an_adapter_saved_and_loaded_scores_bit_identically(folder: Path, tmp_path: Path) -> None:
    made = adapted(folder)
    made.save(tmp_path / "adapter")
    assert {file.suffix for file in (tmp_path / "adapter").iterdir()} <= {".json", ".safetensors", ".md"}
    for again in (LanguageModel.load(f"lm:{tmp_path / 'adapter'}"), adapted(folder, seed=5)):
        if again.name == made.name:
            again.load_adapter(tmp_path / "adapter")
        assert torch.equal(logits(again), logits(made))
        assert again.base == f"lm:{folder}"
        assert again.lora == made.lora
        assert again.describe() == made.describe()


def test_an_adapter_of_another_base_is_refused(folder: Path, tmp_path: Path) -> None:
    adapted(folder).save(tmp_path / "adapter")
    other = language(seed=7, folder=tmp_path / "other")
    with pytest.raises(BadInputError, match="trained on sha256"):
        other.load_adapter(tmp_path / "adapter")


@pytest.mark.parametrize("harm", ["no record", "no json", "another format", "no weights", "half the weights"])
def test_a_broken_adapter_is_refused_with_its_folder(folder: Path, tmp_path: Path, harm: str) -> None:
    made = adapted(folder)
    made.save(tmp_path)
    record = tmp_path / RECORD
    if harm == "no record":
        record.unlink()
    elif harm == "no json":
        record.write_text("{")
    elif harm == "another format":
        record.write_text(json.dumps({**json.loads(record.read_text()), "format": "other"}))
    elif harm == "half the weights":
        weights = tmp_path / "adapter_model.safetensors"
        weights.write_bytes(weights.read_bytes()[:300])
    else:
        (tmp_path / "adapter_model.safetensors").unlink()
    with pytest.raises(BadInputError, match=tmp_path.name):
        made.load_adapter(tmp_path)


def test_saving_without_an_adapter_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="no adapter"):
        LanguageModel.load(f"lm:{folder}").save(tmp_path)


def test_its_record_counts_the_bases_weights_only(folder: Path) -> None:
    made = LanguageModel.load(f"lm:{folder}")
    bare = made.describe()
    made.add_adapter()
    assert made.describe()["parameters"] == bare["parameters"] == sum(p.numel() for p in weights().parameters())
    assert (bare["lora"], bare["dtype"], bare["model_type"]) == (None, "float32", "llama")
