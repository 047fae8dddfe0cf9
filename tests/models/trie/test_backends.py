"""Every back end gives the numbers of separate passes: each family, depths 1 to 10, with and without LoRA."""

import pytest
import torch
import transformers

from counterpoint.models.trie import Branch, UnsupportedModelError, build_plan, log_probs, tree_attention
from counterpoint.models.trie.backend import BACKENDS

from .tiny import FAMILIES, checkpointed, config, difference, gradient, model, pair, relative, tokens, tree

TREES = ("segments", "dense")
NATS, GRADIENT = 2e-5, 5e-6


def assert_same(made, plan, backend):
    """The bars: 2e-5 nats a token, 5e-6 of the gradient's length."""
    found, expected = log_probs(made, plan, backend=backend), log_probs(made, plan, backend="separate")
    assert (found.tokens - expected.tokens).abs().max() < NATS
    ours = gradient(made, found)
    assert relative(ours, gradient(made, expected)) < GRADIENT


def test_all_back_ends_are_found():
    assert BACKENDS.names() == ("dense", "flex", "segments", "separate")


@pytest.mark.parametrize("lora", [False, True], ids=["full", "lora"])
@pytest.mark.parametrize("family", FAMILIES)
def test_log_probs_and_gradients_equal_separate_passes_at_every_depth(family, lora):
    made = model(family, lora=lora)
    for levels in range(1, 11):
        plan = build_plan(tree(levels, seed=levels))
        assert plan.levels == levels
        expected = log_probs(made, plan, backend="separate")
        gradients = gradient(made, expected)
        for backend in TREES:
            found = log_probs(made, plan, backend=backend)
            assert (found.tokens - expected.tokens).abs().max() < NATS
            assert relative(gradient(made, found), gradients) < GRADIENT


@pytest.mark.parametrize("backend", TREES)
@pytest.mark.parametrize("family", ["llama", "gemma2"])
def test_a_forest_with_duplicates_and_beginnings_of_others_is_right_too(family, backend):
    start = (1, *tokens(20, 1))
    short, long = Branch((*start, 5, 2), len(start)), Branch((*start, 5, 6, 2), len(start))
    other = [Branch((7, *branch.tokens), branch.start + 1) for branch in tree(2)]
    assert_same(model(family), build_plan([short, long, short, *other]), backend)


@pytest.mark.parametrize("backend", TREES)
def test_a_text_model_inside_one_for_images_is_right(backend):
    vision = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    whole = transformers.Gemma3Config(
        text_config=config("gemma3").to_dict(),
        vision_config={**vision, "image_size": 8, "patch_size": 4},
        mm_tokens_per_image=4,
        boi_token_index=58,
        eoi_token_index=59,
        image_token_index=60,
    )
    torch.manual_seed(0)
    made = transformers.AutoModelForCausalLM.from_config(whole).eval()
    assert isinstance(made, transformers.Gemma3ForConditionalGeneration)
    plan = build_plan([Branch(tuple(min(t, 57) for t in b.tokens), b.start) for b in tree(3)])
    assert_same(made, plan, backend)


@pytest.mark.parametrize("targets", [["lm_head"], ["embed_tokens", "q_proj"]])
def test_adapters_on_the_head_and_the_embedding_are_used(targets):
    made = model("llama", lora=True, targets=targets)
    with made.disable_adapter():
        without = log_probs(made, build_plan(tree(2))).sums
    assert (log_probs(made, build_plan(tree(2))).sums - without).abs().min() > 0.01
    assert_same(made, build_plan(tree(2)), "segments")


@pytest.mark.parametrize("backend", TREES)
@pytest.mark.parametrize("family", FAMILIES)
def test_prompts_longer_than_the_window_and_a_block_are_right(family, backend):
    assert_same(model(family), build_plan(pair(prompt=90, reply=20)), backend)


@pytest.mark.parametrize("backend", TREES)
@pytest.mark.parametrize("family", ["llama", "gemma3"])
def test_gradient_checkpointing_changes_nothing(family, backend):
    made, plan = model(family), build_plan(tree(3))
    expected = gradient(made, log_probs(made, plan, backend="separate"))
    checkpointed(made)
    with tree_attention(made.config) if backend == "segments" else torch.enable_grad():
        found = gradient(made, log_probs(made, plan, backend=backend))
        again = gradient(made, log_probs(made, plan, backend="separate"))
    assert relative(found, expected) < GRADIENT
    assert relative(again, expected) < GRADIENT


def test_gradient_checkpointing_outside_the_context_is_refused():
    made = model("llama")
    checkpointed(made)
    with pytest.raises(UnsupportedModelError, match="tree_attention"):
        log_probs(made, build_plan(tree(1)))
    made.set_attn_implementation("eager")
    with pytest.raises(UnsupportedModelError, match="attn_implementation='sdpa'"):
        log_probs(made, build_plan(tree(1)), backend="dense")


@pytest.mark.parametrize("backend", TREES)
def test_a_model_is_as_it_was_afterwards(backend):
    made, plan = model("gemma2"), build_plan(tree(2))
    ids = torch.tensor([tokens(30, 5)])
    before = made(ids).logits
    state = {name: value.clone() for name, value in made.state_dict().items()}
    attention = made.config._attn_implementation
    log_probs(made, plan, backend=backend)
    assert made.config._attn_implementation == attention
    assert all(torch.equal(value, state[name]) for name, value in made.state_dict().items())
    assert torch.equal(made(ids).logits, before)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_switched_model_without_a_tree_does_what_it_did(family):
    made = model(family)
    ids, padding = torch.tensor([tokens(30, 5), tokens(30, 6)]), torch.ones(2, 30, dtype=torch.long)
    padding[0, :7] = 0
    before = made(ids, attention_mask=padding).logits
    with tree_attention(made.config), tree_attention(made.config):
        assert torch.equal(made(ids, attention_mask=padding).logits, before)


def test_a_failing_pass_leaves_the_model_as_it_was(monkeypatch):
    made = model("llama")
    monkeypatch.setattr(made.model.norm, "forward", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        log_probs(made, build_plan(tree(1)))
    assert made.config._attn_implementation == "sdpa"


@pytest.mark.parametrize("backend", TREES)
def test_half_precision_models_are_right_to_their_rounding(backend):
    made, plan = model("llama").bfloat16(), build_plan(tree(2))
    found = log_probs(made, plan, backend=backend)
    assert found.tokens.dtype == torch.float32
    assert difference(made, plan, backend) < 0.5


def test_autocast_is_right_to_its_rounding():
    made, plan = model("llama"), build_plan(tree(2))
    with torch.autocast("cpu", torch.bfloat16):
        assert difference(made, plan, "segments") < 0.5


def test_sums_counts_and_means_are_the_branches_own():
    made, plan = model("llama"), build_plan(tree(2))
    result = log_probs(made, plan)
    lengths = [branch.response for branch in plan.branches]
    by_hand = torch.stack([part.sum() for part in result.tokens.split(lengths)])
    torch.testing.assert_close(result.sums, by_hand)
    assert result.counts.tolist() == lengths
    torch.testing.assert_close(result.means, by_hand / torch.tensor(lengths))
