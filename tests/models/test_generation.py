"""Every row of a mixed batch says what it says alone; the oracle is transformers' own generate."""

import logging

import pytest
import torch
import transformers
from trie.tiny import FAMILIES, config, model, tokens

from counterpoint.errors import BadInputError
from counterpoint.models import generation, row_cache
from counterpoint.models.generation import Generator, ending_tokens
from counterpoint.models.row_cache import OneRow, SharedRows, way
from counterpoint.models.sampling import Decoding
from counterpoint.models.trie import Branch, UnsupportedModelError, build_plan
from counterpoint.models.trie.anatomy import anatomy

GREEDY = Decoding(temperature=0, max_new_tokens=20)
SPINE = (1, *tokens(40, 1))
PROMPTS = [
    *(SPINE + tokens(n, 50 + n) for n in (3, 7, 1)),  # poles of one dilemma, longer than any window
    SPINE,  # ends where the others go on
    SPINE + tokens(3, 53),  # the first again
    (1, *tokens(25, 10)),
    (1, *tokens(4, 9)),
    (5,),
]


class Words:
    """A tokenizer that writes token ids as words."""

    eos_token_id = 2

    def decode(self, token_ids, **_):
        return " ".join(map(str, token_ids))


def alone(made, prompt, new=20):
    """The reply of transformers' generate, without its end."""
    ids = torch.tensor([prompt])
    said = made.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=new, pad_token_id=0)
    reply = said[0, len(prompt) :].tolist()
    return tuple(reply[:-1] if reply[-1] == 2 else reply)


@pytest.mark.parametrize("lora", [False, True], ids=["full", "lora"])
@pytest.mark.parametrize("family", FAMILIES)
def test_every_row_of_a_mixed_batch_says_what_it_says_alone(family, lora):
    made = model(family, lora=lora)
    replies = Generator(made, Words()).generate(PROMPTS, GREEDY)
    for prompt, reply in zip(PROMPTS, replies, strict=True):
        assert reply.tokens == alone(made, prompt)
        assert (reply.finish == "length") == (len(reply.tokens) == 20)
    assert len({reply.tokens for reply in replies}) >= len(PROMPTS) - 2


@pytest.mark.parametrize("family", FAMILIES)
def test_logits_are_those_of_a_full_pass_at_every_step(family):
    made = model(family)
    state, said = SharedRows(anatomy(made), PROMPTS), [list(prompt) for prompt in PROMPTS]
    rows = list(range(len(PROMPTS)))
    for step in range(6):
        logits = state.step(torch.tensor([said[i][-1] for i in rows]))
        for row, logit in zip(rows, logits, strict=True):
            with torch.no_grad():
                expected = made(torch.tensor([said[row]]), use_cache=False).logits[0, -1]
            assert (logit.log_softmax(-1) - expected.log_softmax(-1)).abs().max() < 2e-5
            said[row].append(3 + (7 * row + 5 * step) % 50)
        gone = {2: [0], 4: [1, 2, 3]}.get(step, [])  # the longest leave first, so that padding shrinks
        if gone:
            state.keep([i for i, row in enumerate(rows) if row not in gone])
            rows = [row for row in rows if row not in gone]


def test_a_shared_prefix_is_read_once():
    made, read = model("llama"), []
    made.model.embed_tokens.register_forward_pre_hook(lambda _, args: read.append(args[0].numel()))
    SharedRows(anatomy(made), PROMPTS[:5])
    # 40 tokens of the spine but its last are in every body; then the last, and 2 + 6 + 0 tokens of their own
    assert read == [40 + 1 + 2 + 6]


def test_a_text_model_inside_one_for_images_is_right():
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
    prompts = [tuple(min(token, 57) for token in prompt) for prompt in PROMPTS[:4]]
    replies = Generator(made, Words()).generate(prompts, GREEDY)
    assert [reply.tokens for reply in replies] == [alone(made, prompt) for prompt in prompts]


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_either_attention_says_the_same(attention):
    made = model("mistral")
    made.set_attn_implementation(attention)
    assert [r.tokens for r in Generator(made, Words()).generate(PROMPTS, GREEDY)] == [alone(made, p) for p in PROMPTS]
    assert made.config._attn_implementation == attention


@pytest.mark.parametrize(("rows", "budget"), [(1, 1 << 16), (3, 1 << 16), (64, 150), (64, 1)])
def test_how_prompts_are_batched_changes_nothing(rows, budget):
    made = model("qwen3")
    whole = Generator(made, Words()).generate(PROMPTS, Decoding(temperature=1, max_new_tokens=20))
    parts = Generator(made, Words(), max_rows=rows, max_tokens=budget)
    assert parts.generate(PROMPTS, Decoding(temperature=1, max_new_tokens=20)) == whole


def test_a_sampled_row_depends_on_its_seed_and_prompt_alone():
    made, warm = model("llama"), Decoding(temperature=1.0, top_p=1.0, max_new_tokens=12)
    generator = Generator(made, Words())
    together = generator.generate(PROMPTS, warm, seeds=range(len(PROMPTS)))
    reversed_ = generator.generate(PROMPTS[::-1], warm, seeds=range(len(PROMPTS))[::-1])
    assert together == reversed_[::-1]
    assert together[0] != together[4]  # one prompt, two seeds
    assert generator.generate([PROMPTS[5]], warm, seeds=[5]) == [together[5]]
    by_prompt = generator.generate(PROMPTS, warm)
    assert by_prompt[0] == by_prompt[4]
    assert by_prompt == generator.generate(PROMPTS, warm)
    assert generator.generate(PROMPTS, Decoding(1.0, 1.0, 12, seed=1)) != by_prompt


def test_without_sharing_the_rows_say_the_same():
    made = model("gemma2")
    apart = Generator(made, Words(), sharing="none").generate(PROMPTS, GREEDY)
    assert apart == Generator(made, Words()).generate(PROMPTS, GREEDY)


def tiny_mamba():
    torch.manual_seed(0)
    return transformers.AutoModelForCausalLM.from_config(
        transformers.MambaConfig(vocab_size=61, hidden_size=16, num_hidden_layers=1, state_size=4)
    ).eval()


def tiny_gpt2():
    torch.manual_seed(0)
    sizes = {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 128, "initializer_range": 0.5}
    whole = transformers.GPT2Config(vocab_size=61, **sizes, bos_token_id=1, eos_token_id=2, pad_token_id=0)
    return transformers.AutoModelForCausalLM.from_config(whole).eval()


def test_a_family_whose_sharing_nobody_tested_is_refused_and_right_on_its_own():
    made = tiny_gpt2()
    with pytest.raises(UnsupportedModelError, match=r"gpt2 is not among the families.*sharing='none'"):
        Generator(made, Words()).generate(PROMPTS, GREEDY)
    replies = Generator(made, Words(), sharing="none").generate(PROMPTS, GREEDY)
    assert [reply.tokens for reply in replies] == [alone(made, prompt) for prompt in PROMPTS]


def test_a_model_that_keeps_its_state_elsewhere_is_refused():
    with pytest.raises(UnsupportedModelError, match="mamba has linear_attention layers"):
        Generator(tiny_mamba(), Words()).generate(PROMPTS, GREEDY)
    with pytest.raises(UnsupportedModelError, match="past_key_values"):
        Generator(tiny_mamba(), Words(), sharing="none").generate(PROMPTS, GREEDY)


def broken_way(plan, last):
    """Every row's second token from another row."""
    nodes = way(plan, last).copy()
    nodes[1:2] = len(plan) - 1
    return nodes


def test_wrong_sharing_is_noticed_said_and_avoided(monkeypatch, caplog):
    made = model("llama")
    monkeypatch.setattr(row_cache, "way", broken_way)
    with caplog.at_level(logging.WARNING):
        replies = Generator(made, Words()).generate(PROMPTS, GREEDY)
    assert "every reply on its own" in caplog.text
    assert [reply.tokens for reply in replies] == [alone(made, prompt) for prompt in PROMPTS]


def test_several_rows_and_windows_are_checked_when_they_first_appear(monkeypatch):
    checked = []
    monkeypatch.setattr(generation, "check", lambda _, prompts: checked.append(len(prompts)) or "")
    generator = Generator(model("mistral"), Words())
    for prompts in ([PROMPTS[6]], [PROMPTS[6]], [PROMPTS[6], (1, 4)], [PROMPTS[0]], PROMPTS):
        generator.generate(prompts, GREEDY)
    assert checked == [1, 2, 1]


def test_the_model_is_as_it_was_afterwards():
    made = model("gemma2", lora=True)
    made.train()
    made.base_model.model.model.layers[0].eval()
    modes = [module.training for module in made.modules()]
    state = {name: value.clone() for name, value in made.state_dict().items()}
    settings = made.config.to_dict(), made.generation_config.to_dict()
    hooks = [len(module._forward_hooks) for module in made.modules()]
    Generator(made, Words()).generate(PROMPTS, GREEDY)
    assert [module.training for module in made.modules()] == modes
    assert all(torch.equal(value, state[name]) for name, value in made.state_dict().items())
    assert (made.config.to_dict(), made.generation_config.to_dict()) == settings
    assert [len(module._forward_hooks) for module in made.modules()] == hooks
    assert torch.is_grad_enabled()


def test_a_failing_pass_leaves_modes_and_attention_as_they_were(monkeypatch):
    made = model("llama").train()
    monkeypatch.setattr(made.model.norm, "forward", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        Generator(made, Words()).generate(PROMPTS, GREEDY)
    assert made.training
    assert made.config._attn_implementation == "sdpa"


def test_generation_in_training_mode_has_no_dropout():
    made = model("llama", lora=True, lora_dropout=0.5)
    expected = Generator(made, Words()).generate(PROMPTS, GREEDY)
    assert Generator(made.train(), Words()).generate(PROMPTS, GREEDY) == expected


def test_the_tokens_that_end_a_reply_are_those_of_model_tokenizer_and_caller():
    made = model("llama")
    made.generation_config.eos_token_id = [2, 7]
    assert ending_tokens(made, Words()) == {2, 7}
    made = model("llama")
    expected = alone(made, SPINE)
    stop = expected[4]
    reply = Generator(made, Words(), stop_tokens=[stop]).generate([SPINE], GREEDY)[0]
    assert reply.tokens == expected[: expected.index(stop)]
    assert reply.finish == "stop"


def test_a_reply_ends_before_the_first_stop_string():
    made = model("llama")
    whole = Generator(made, Words()).generate([SPINE], GREEDY)[0]
    stop = f"{whole.tokens[5]} {whole.tokens[6]}"
    before = whole.text[: whole.text.index(stop)]
    decoding = Decoding(temperature=0, max_new_tokens=20, stop_strings=("never", stop))
    reply = Generator(made, Words()).generate([SPINE], decoding)[0]
    assert reply.text == before
    assert reply.finish == "stop"
    assert len(reply.tokens) < len(whole.tokens)


class Bytes:
    """A tokenizer of raw bytes: a euro sign is three tokens."""

    eos_token_id = 2
    text = "A€B, C€!STOP and more".encode()

    def decode(self, token_ids, **_):
        return bytes(self.text[i] for i in range(len(token_ids))).decode(errors="replace")


def test_streamed_pieces_are_whole_characters_and_join_to_the_reply():
    pieces = {0: [], 1: []}
    decoding = Decoding(temperature=0, max_new_tokens=len(Bytes.text) - 1, stop_strings=("STOP",))
    made = model("llama")
    generator = Generator(made, Bytes())
    generator.stop_tokens = frozenset()
    replies = generator.generate(PROMPTS[:2], decoding, on_text=lambda row, text: pieces[row].append(text))
    assert [reply.text for reply in replies] == ["A€B, C€!"] * 2
    for row in (0, 1):
        assert "".join(pieces[row]) == "A€B, C€!"
        assert not any("\N{REPLACEMENT CHARACTER}" in piece for piece in pieces[row])
        assert pieces[row][:3] == ["A", "€", "B"]


def test_a_reply_is_cut_where_the_models_positions_end():
    made = model("llama", max_position_embeddings=45)
    replies = Generator(made, Words()).generate([SPINE, PROMPTS[0]], Decoding(temperature=0, max_new_tokens=300))
    assert all(len(reply.tokens) <= limit for reply, limit in zip(replies, (4, 1), strict=True))


@pytest.mark.parametrize("prompt", [(), (1,) * 256])
def test_prompts_that_cannot_be_answered_are_refused(prompt):
    with pytest.raises(BadInputError, match="expected 1 to 255"):
        Generator(model("llama"), Words()).generate([prompt])


def test_seeds_that_are_not_one_a_prompt_are_refused():
    with pytest.raises(BadInputError, match="2 seeds for 1 prompts"):
        Generator(model("llama"), Words()).generate([SPINE], seeds=[1, 2])


def test_no_prompts_make_no_replies():
    assert Generator(model("llama"), Words()).generate([]) == []


def test_a_way_is_the_chain_of_parents():
    plan = build_plan([Branch(prompt, len(prompt) - 1) for prompt in PROMPTS if len(prompt) > 1])
    for last in range(len(plan)):
        expected, node = [], last
        while node >= 0:
            expected.append(node)
            node = int(plan.parent[node])
        assert way(plan, last).tolist() == expected[::-1]


def test_one_row_reads_its_prompt_in_one_pass_and_then_token_by_token():
    made = model("mistral")
    state, said = OneRow(anatomy(made), SPINE), list(SPINE)
    for token in (SPINE[-1], 8, 9, 10):
        if token != SPINE[-1]:
            said.append(token)
        with torch.no_grad():
            expected = made(torch.tensor([said]), use_cache=False).logits[0, -1]
        assert (state.step(torch.tensor([token]))[0] - expected).abs().max() < 1e-4
