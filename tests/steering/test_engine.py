"""A reply is what it would be alone, whatever stands beside it; the model is afterwards what it was."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from counterpoint.errors import BadInputError, UnknownNameError
from counterpoint.models.decoding import Decoding
from counterpoint.models.generation import Generator
from counterpoint.models.steering_hooks import NoEffectError
from counterpoint.steering.asking import Asked, Conversation, Request
from counterpoint.steering.engine import Engine, Limits
from counterpoint.steering.methods.activation import Vectors
from counterpoint.steering.steering import Steering, from_leans, nothing
from small_language import language
from steering.small import DILEMMA, GREEDY, MODEL_METHODS, PAIRS, TALK, asks, engine, requests

WARM = Decoding(temperature=1.0, top_p=0.95, max_new_tokens=8)


def state_of(made):
    """Everything that a model holds, bit by bit, and its hooks."""
    model = made.model
    tensors = {name: tensor.clone() for name, tensor in [*model.named_parameters(), *model.named_buffers()]}
    hooks = sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules())
    return tensors, hooks, [m.training for m in model.modules()], str(model.config)


def same(before, after):
    return (
        before[1:] == after[1:]
        and before[0].keys() == after[0].keys()
        and all(torch.equal(tensor, after[0][name]) for name, tensor in before[0].items())
    )


@pytest.mark.parametrize(("rows", "decoding"), [(64, GREEDY), (24, WARM)], ids=["greedy", "drawn"])
def test_rows_with_a_steering_each_say_what_they_say_alone(rows, decoding):
    made = engine()
    asked = requests(rows, (*MODEL_METHODS, "base", "mixture+activation", "mixture+adapters"), decoding)
    together = made.answer(asked)
    assert together == [reply for one in asked for reply in made.answer([one])]
    assert together == made.answer(asked[::-1])[::-1]
    assert len({reply.tokens for reply in together}) > rows / 2


def test_near_ties_are_decided_alone_and_nothing_else_is():
    made = engine()
    made.answer(requests(32))
    assert made.counts.alone <= 0.02 * made.counts.tokens
    # a model whose every token is tied: all steps are decided alone, and still the first of equals is taken
    tied = engine()
    tied.language.model.lm_head.weight.data.zero_()
    replies = tied.answer([Request(TALK, nothing(PAIRS), "base", GREEDY)] * 2)
    assert tied.counts.alone == tied.counts.tokens
    assert {reply.tokens for reply in replies} == {(0,) * 8}


@pytest.mark.parametrize("method", MODEL_METHODS)
def test_no_steering_gives_the_tokens_of_the_base(method):
    made = engine()
    plain = [Request(ask, nothing(PAIRS), "base", GREEDY) for ask in asks(6)]
    expected = [reply.tokens for reply in made.answer(plain)]
    assert [r.tokens for r in made.answer([replace(request, method=method) for request in plain])] == expected
    steered = [replace(request, method=method, steering=Steering((2.0, -2.0))) for request in plain]
    mixed = made.answer([one for pair in zip(plain, steered, strict=True) for one in pair])
    assert [reply.tokens for reply in mixed[::2]] == expected
    assert [reply.tokens for reply in mixed[1::2]] != expected


def test_the_base_is_what_the_generator_says():
    made = engine()
    prompts = [made.prompting.ids(ask, None) for ask in asks(6)]
    oracle = Generator(made.language.model, made.language.tokenizer, stop_tokens=made.prompting.end)
    said = made.answer([Request(ask, nothing(PAIRS), "base", GREEDY) for ask in asks(6)])
    assert [reply.tokens for reply in said] == [reply.tokens for reply in oracle.generate(prompts, GREEDY)]


@pytest.mark.parametrize("limits", [Limits(rows=1), Limits(rows=7), Limits(tokens=500)])
def test_how_much_is_computed_together_changes_nothing(limits):
    asked = requests(9, decoding=WARM)
    assert engine(limits=limits).answer(asked) == engine().answer(asked)


def test_pieces_joined_are_the_reply_and_come_while_it_is_written():
    made, heard = engine(), []
    replies = made.answer(requests(5), on_text=lambda i, text: heard.append((i, text)))
    for i, reply in enumerate(replies):
        assert "".join(text for who, text in heard if who == i) == reply.text
    assert [i for i, _ in heard[:2]] != [i for i, _ in heard[-2:]] or len(heard) > 5


def test_a_reply_ends_before_a_stop_string():
    made = engine()
    whole = made.answer(requests(1))[0].text
    stop = whole[4:6]
    cut = made.answer([replace(requests(1)[0], decoding=replace(GREEDY, stop_strings=(stop,)))])[0]
    assert (cut.text, cut.finish) == (whole[: whole.index(stop)], "stop")


def test_a_seed_decides_what_is_drawn():
    made = engine()
    ask = Request(TALK, Steering((1.0, 0.0)), "mixture", WARM)
    by_prompt = made.answer([ask, ask, replace(ask, seed=1), replace(ask, seed=2), replace(ask, seed=1)])
    assert by_prompt[0] == by_prompt[1]
    assert by_prompt[2] == by_prompt[4] != by_prompt[3]


def test_everything_is_undone_after_replies_and_exceptions():
    made = engine()
    made.method("adapters")
    before = state_of(made.language)
    for i in range(5):
        made.answer(requests(9))

        def fail(_, __, i=i):
            raise [RuntimeError, KeyboardInterrupt, ValueError][i % 3]("in the middle of a reply")

        with pytest.raises((RuntimeError, KeyboardInterrupt, ValueError), match="middle"):
            made.answer(requests(6), on_text=fail)
        assert same(before, state_of(made.language))


@pytest.mark.parametrize("where", ["self_attn.q_proj", "mlp"])
def test_everything_is_undone_when_the_model_itself_fails_midway(where):
    made = engine()
    made.answer(requests(6))  # opens all methods
    passes, module = [0], made.language.model.get_submodule(f"model.layers.1.{where}")

    def fail(*_):
        passes[0] += 1
        if passes[0] > 4:
            raise RuntimeError("out of memory")

    handle = module.register_forward_hook(fail)
    before = state_of(made.language)
    with pytest.raises(RuntimeError, match="out of memory"):
        made.answer(requests(6))
    assert same(before, state_of(made.language))
    handle.remove()
    assert made.answer(requests(6)) == engine().answer(requests(6))


@pytest.mark.slow
def test_a_thousand_replies_and_fifty_exceptions_leave_no_trace():
    made = engine()
    made.answer(requests(3))
    before = state_of(made.language)
    asked, failures = requests(1000), 0
    for start in range(0, 1000, 20):
        said = []

        def fail(_, text, said=said):
            said.append(text)
            if len(said) == 30:
                raise ValueError("in the middle of a reply")

        try:
            made.answer(asked[start : start + 20], on_text=fail)
        except ValueError:
            failures += 1
        made.answer(asked[start : start + 20])
    assert failures == 50
    assert same(before, state_of(made.language))


def test_methods_that_do_not_compose_and_unknown_ones_are_errors():
    made, ask = engine(), Asked(DILEMMA)
    steering = from_leans({"Hare": 1.0}, PAIRS)
    with pytest.raises(UnknownNameError, match="mixture"):
        made.answer([Request(ask, steering, "mixtur")])
    with pytest.raises(BadInputError, match="can't be applied together"):
        made.answer([Request(ask, steering, "mixture+mixture")])
    with pytest.raises(BadInputError, match="3 value pairs"):
        made.answer([Request(ask, Steering((1.0, 0.0, 0.0)), "mixture")])


def test_a_method_without_its_material_says_how_to_make_it():
    made = Engine(language(), PAIRS)
    for method, words in {"activation": "fit_vectors", "adapters": "fit_adapters"}.items():
        with pytest.raises(BadInputError, match=words):
            made.answer([Request(TALK, Steering((1.0, 0.0)), method)])


def test_a_method_that_changes_nothing_is_an_error():
    made = language()
    vectors = Vectors({"Tempo": torch.ones(32), "Company": torch.ones(32)}, layer=1, multiplier=1.0)
    made.model.model.norm.weight.data.zero_()  # nothing that a layer says reaches the logits
    with pytest.raises(NoEffectError, match="activation changes nothing on lm:small along Tempo, Company"):
        Engine(made, PAIRS, materials={"activation": vectors}).method("activation")
    deaf = Engine(language(), PAIRS)
    deaf.prompting.ids = lambda *_: (5, 6, 7)  # a prompt in which nobody's name arrives
    with pytest.raises(NoEffectError, match="mixture"):
        deaf.answer([Request(TALK, Steering((1.0, 0.0)), "mixture")])


def test_a_dial_comes_between_steering_and_method():
    plain = engine()
    dialled = engine(dials={"mixture": lambda steering: steering.scaled(2.0)})
    weak, strong = (Request(TALK, Steering((v, -v)), "mixture", GREEDY) for v in (0.7, 1.4))
    assert [r.tokens for r in dialled.answer([weak])] == [r.tokens for r in plain.answer([strong])]
    assert dialled.answer([weak])[0].steering == weak.steering


def test_composed_methods_share_the_strength():
    made = engine()
    draft = made.draft(Request(TALK, Steering((2.0, 0.0)), "activation+mixture"))
    alone = made.draft(Request(TALK, Steering((1.0, 0.0)), "mixture"))
    assert draft.voices == alone.voices
    assert torch.equal(draft.offsets[1], made.draft(Request(TALK, Steering((1.0, 0.0)), "activation")).offsets[1])


def test_a_model_whose_rows_cannot_share_is_steered_row_by_row(caplog):
    import transformers

    made = language()
    sizes = {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 512, "initializer_range": 0.5}
    torch.manual_seed(0)
    config = transformers.GPT2Config(vocab_size=400, **sizes, bos_token_id=1, eos_token_id=2, pad_token_id=0)
    made.model = transformers.AutoModelForCausalLM.from_config(config).eval()
    vectors = Vectors({"Tempo": torch.randn(32) * 9, "Company": torch.randn(32) * 9}, layer=0, multiplier=1.0)
    gpt = Engine(made, PAIRS, materials={"activation": vectors})
    assert "on its own" in caplog.text
    asked = requests(7, ("mixture", "activation", "base"))
    replies = gpt.answer(asked)
    assert replies == [reply for one in asked for reply in gpt.answer([one])]
    plain = gpt.answer([replace(one, method="base") for one in asked])
    assert sum(a.tokens != b.tokens for a, b in zip(replies, plain, strict=True)) >= 3


def test_a_prompt_longer_than_the_model_reads_is_an_error():
    with pytest.raises(BadInputError, match="a prompt has"):
        engine().answer([Request(Conversation.said("word " * 3000), nothing(PAIRS), "base")])


def test_showing_both_sides_asks_for_somebody_of_two_minds():
    made = engine()
    torn = Steering((0.0, 0.0), conflicts=("Tempo",), both_sides=True)
    draft = made.draft(Request(TALK, torn, "mixture"))
    assert [voice.weight for voice in draft.voices] == [1.0]
    assert "for Hare and for Tortoise" in draft.voices[0].who.description
    assert made.draft(Request(TALK, replace(torn, both_sides=False), "mixture")).voices[0].who is None


def test_modules_that_were_training_are_training_afterwards():
    made = engine()
    expected = made.answer(requests(3))
    attention = made.language.model.model.layers[0].self_attn
    attention.train()
    attention.attention_dropout = 0.9
    assert made.answer(requests(3)) == expected
    assert attention.training
    assert not made.language.model.training
