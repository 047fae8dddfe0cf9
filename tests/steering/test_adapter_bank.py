"""Every row's own mix of adapters, against weights that were really changed, and against peft."""

from __future__ import annotations

import copy

import pytest
import torch

from counterpoint.errors import BadInputError
from counterpoint.models.language_model import LoraSettings
from counterpoint.steering.adapter_bank import AdapterBank, Lora, read_lora
from small_language import language, randomised
from steering.small import lora

TOKENS = torch.tensor([[5, 9, 30, 31], [7, 8, 30, 12], [5, 9, 30, 31]])


def logits(model, tokens=TOKENS):
    with torch.no_grad():
        return model(tokens, use_cache=False).logits


def merged(model, mix):
    """A copy of the model with W + sum of w s B A."""
    changed = copy.deepcopy(model)
    for adapter, weight in mix:
        for name, (a, b) in adapter.factors.items():
            changed.get_submodule(name).weight.data += weight * adapter.scale * (b @ a)
    return changed


def test_every_row_has_its_own_mix():
    made = language()
    draw = torch.Generator().manual_seed(1)
    one, two = lora(made, draw), lora(made, draw, rank=2)
    bank = AdapterBank(made.model, {"one": one, "two": two})
    mixes = [{"one": 1.0, "two": -0.5}, {}, {"two": 2.0}]
    plain = logits(made.model)
    with bank.mixed(mixes):
        found = logits(made.model)
    assert torch.equal(found[1], plain[1])
    for row, mix in ((0, [(one, 1.0), (two, -0.5)]), (2, [(two, 2.0)])):
        assert torch.allclose(found[row], logits(merged(made.model, mix))[row], atol=1e-4)
        assert not torch.allclose(found[row], plain[row], atol=1e-2)
    assert torch.equal(logits(made.model), plain)


def test_one_mix_serves_all_rows():
    made = language()
    one = lora(made, torch.Generator().manual_seed(1))
    bank = AdapterBank(made.model, {"one": one})
    with bank.mixed([{"one": 0.7}]):
        found = logits(made.model)
    assert torch.allclose(found, logits(merged(made.model, [(one, 0.7)])), atol=1e-4)


def test_an_adapter_saved_by_training_is_what_peft_computes(tmp_path):
    made = language()
    plain = logits(made.model)
    made.add_adapter(LoraSettings(rank=4, alpha=12, dropout=0.0))
    randomised(made.model)
    tuned = logits(made.model)
    made.save(tmp_path)
    adapter = read_lora(tmp_path, scale=12 / 4)
    made.remove_adapter()
    bank = AdapterBank(made.model, {"pole": adapter})
    with bank.mixed([{"pole": 1.0}]):
        assert torch.allclose(logits(made.model), tuned, atol=1e-4)
    assert not torch.allclose(plain, tuned, atol=1e-2)
    # and on top of an adapter of the model's own
    made.load_adapter(tmp_path)
    over = AdapterBank(made.model, {"pole": adapter})
    with over.mixed([{"pole": -1.0}]):
        assert torch.allclose(logits(made.model), plain, atol=1e-4)


def test_adapters_that_do_not_fit_are_refused(tmp_path):
    made = language()
    wide = Lora({"model.layers.0.self_attn.q_proj": (torch.ones(2, 7), torch.ones(32, 2))}, 1.0)
    with pytest.raises(BadInputError, match=r"\(32, 7\); the model's has \(32, 32\)"):
        AdapterBank(made.model, {"wide": wide})
    elsewhere = Lora({"model.layers.9.self_attn.q_proj": (torch.ones(2, 32), torch.ones(32, 2))}, 1.0)
    with pytest.raises(BadInputError, match=r"layers\.9"):
        AdapterBank(made.model, {"elsewhere": elsewhere})
    with pytest.raises(BadInputError, match="no adapter in safetensors"):
        read_lora(tmp_path, scale=1.0)
