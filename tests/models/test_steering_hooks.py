"""Hooks that change the residual stream and undo themselves."""

import pytest
import torch
import transformers
from trie.tiny import FAMILIES, model, tokens

from counterpoint.errors import BadInputError
from counterpoint.models.steering_hooks import NoEffectError, add_to_residual, layers_of, read_residual

IDS = torch.tensor([tokens(9, 1), tokens(9, 2)])


def states_of(made):
    """What each layer and then the final norm reads, `[layer + 1]`: by hooks of the test's own."""
    base = made.get_base_model() if hasattr(made, "get_base_model") else made
    readers = [*base.model.layers, base.model.norm]
    seen, handles = [], []
    for reader in readers:
        handles.append(reader.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0])))
    with torch.no_grad():
        made(IDS)
    for handle in handles:
        handle.remove()
    return seen


def snapshot(made):
    modules = [(len(m._forward_hooks), len(m._forward_pre_hooks), m.training) for m in made.modules()]
    with torch.no_grad():
        return modules, {name: value.clone() for name, value in made.state_dict().items()}, made(IDS).logits


def assert_same(before, after):
    assert before[0] == after[0]
    assert all(torch.equal(value, after[1][name]) for name, value in before[1].items())
    assert torch.equal(before[2], after[2])


@pytest.mark.parametrize("family", FAMILIES)
def test_the_stream_after_a_layer_is_moved_by_the_offset_and_earlier_ones_are_not(family):
    made, offset = model(family), torch.linspace(-1, 1, 32)
    plain = states_of(made)
    with add_to_residual(made, 0, offset):
        moved = states_of(made)
    torch.testing.assert_close(moved[1], plain[1] + offset)
    assert torch.equal(moved[0], plain[0])
    assert (moved[2] - plain[2]).abs().max() > 0.1


def test_what_is_erased_is_gone_before_the_offset_comes_where_it_is_erased():
    made, offset = model("llama"), torch.linspace(-1, 1, 32)
    along = torch.zeros(2, 1, 32)
    along[1, 0, 5] = 1.0  # of the second row, its fifth number
    plain = states_of(made)[1]
    with add_to_residual(made, 0, offset, along):
        moved = states_of(made)[1]
    expected = plain.clone()
    expected[1, :, 5] = 0.0
    torch.testing.assert_close(moved, expected + offset)


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_read_is_the_stream(family):
    made = model(family)
    expected = states_of(made)[1]
    with torch.no_grad(), read_residual(made, [1, 0]) as seen:
        made(IDS)
    assert torch.equal(seen[0], expected)
    assert set(seen) == {0, 1}


def test_an_offset_may_differ_by_row_and_by_token():
    made = model("llama")
    plain = states_of(made)
    offset = torch.zeros(2, 9, 32)
    offset[1, 4:] = 1
    with add_to_residual(made, 0, offset):
        moved = states_of(made)
    torch.testing.assert_close(moved[1], plain[1] + offset)
    assert torch.equal(moved[2][0], plain[2][0])
    assert torch.equal(moved[2][1, :4], plain[2][1, :4])


@pytest.mark.parametrize("lora", [False, True])
def test_afterwards_the_model_is_bit_identical(lora):
    made = model("gemma2", lora=lora)
    before = snapshot(made)
    with torch.no_grad(), add_to_residual(made, 1, torch.ones(32)), read_residual(made, [0]):
        changed = made(IDS).logits
    assert not torch.equal(changed, before[2])
    assert_same(before, snapshot(made))


def test_afterwards_the_model_is_bit_identical_when_something_was_raised():
    made = model("llama")
    before = snapshot(made)
    with pytest.raises(ZeroDivisionError), add_to_residual(made, 1, torch.ones(32)), read_residual(made, [0, 1]):
        raise ZeroDivisionError
    assert_same(before, snapshot(made))


def test_afterwards_the_model_is_bit_identical_when_an_offset_does_not_fit_a_pass():
    made = model("llama")
    before = snapshot(made)
    with pytest.raises(BadInputError, match="doesn't fit a stream"), add_to_residual(made, 1, torch.ones(1, 8, 32)):
        made(IDS)
    assert_same(before, snapshot(made))


def test_hooks_within_hooks_add_up():
    made = model("llama")
    plain = states_of(made)[1]
    with add_to_residual(made, 0, torch.ones(32)), add_to_residual(made, 0, torch.ones(32)):
        torch.testing.assert_close(states_of(made)[1], plain + 2)


@pytest.mark.parametrize("layer", [-1, 2, 99])
def test_a_layer_that_is_not_there_is_an_error(layer):
    made = model("llama")
    with pytest.raises(BadInputError, match="layers 0 to 1"), add_to_residual(made, layer, torch.ones(32)):
        pass
    with pytest.raises(BadInputError, match="layers 0 to 1"), read_residual(made, [0, layer]):
        pass
    assert not any(module._forward_hooks for module in made.modules())


@pytest.mark.parametrize(
    ("offset", "told"),
    [(torch.zeros(32), "zero"), (torch.full((32,), torch.nan), "finite"), (torch.ones(31), "width 32")],
)
def test_an_offset_that_would_change_nothing_or_everything_is_an_error(offset, told):
    with pytest.raises(BadInputError, match=told), add_to_residual(model("llama"), 0, offset):
        pass


def test_a_layer_that_nothing_went_through_is_an_error():
    made = model("llama")
    with pytest.raises(NoEffectError, match="layer 1"), add_to_residual(made, 1, torch.ones(32)):
        made.model.embed_tokens(IDS)
    assert not any(module._forward_hooks for module in made.modules())


def test_layers_are_found_in_other_families_too():
    sizes = {"n_embd": 16, "n_layer": 3, "n_head": 2, "bos_token_id": 1, "eos_token_id": 2}
    made = transformers.AutoModelForCausalLM.from_config(transformers.GPT2Config(vocab_size=61, **sizes)).eval()
    assert len(layers_of(made)) == 3
    with torch.no_grad(), read_residual(made, [1]) as plain:
        made(IDS)
    with torch.no_grad(), add_to_residual(made, 1, torch.ones(16)), read_residual(made, [1]) as moved:
        made(IDS)
    torch.testing.assert_close(moved[1], plain[1] + 1)


def test_half_precision_streams_stay_in_their_dtype():
    made = model("llama").bfloat16()
    with add_to_residual(made, 0, torch.ones(32)):
        assert states_of(made)[1].dtype == torch.bfloat16
