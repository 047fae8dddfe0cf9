"""CAA against slow definitions: one sequence at a time, vectors by hand."""

import json

import numpy as np
import pytest
import torch
from scipy.special import log_softmax

from counterpoint.data import taxonomy
from counterpoint.errors import BadInputError
from counterpoint.models.caa import CaaScorer
from counterpoint.models.caa_fit import CaaConfig, fit_caa, mean_differences
from counterpoint.models.lm_scorer import LmReading, LmScorer
from counterpoint.models.lm_speaker import LmSpeaker, Question, speaker_of
from counterpoint.models.sampling import Decoding
from counterpoint.models.steering_hooks import add_to_residual, read_residual
from counterpoint.types import Dilemma, Option, Pole
from small_language import language

VCD = taxonomy("vcd")
RISK, TIME = VCD.by_name["Risk Orientation"], VCD.by_name["Time Preference"]
LANGUAGE = language()
KINDS = ("letters", "answers", "answers_per_token")
SUMS = 3e-4  # nats over some forty tokens; of one token 2e-5


def made_up(count, pair=RISK, name="d"):
    """Dilemmas of which every third has a second option of the positive pole, last."""
    made = []
    for i in range(count):
        poles = [pair.positive.name, pair.negative.name] + [pair.positive.name] * (i % 3 == 2)
        options = tuple(Option(f"way {j} of {name}{i}", pole, f"why {j}") for j, pole in enumerate(poles))
        made.append(Dilemma(f"{name}{i}", pair.name, f"{name} scenario {i}.", options))
    return made


DILEMMAS = made_up(3) + made_up(2, TIME, "t")
POLES = [(*RISK.poles,)] * 3 + [(*TIME.poles,)] * 2


def vector(seed):
    return torch.randn(32, generator=torch.Generator().manual_seed(seed)) * 2


def steered(kind="letters", *, layer=0, multiplier=1.5, backend="auto"):
    scorer = LmScorer(LANGUAGE, LmReading(kind=kind, backend=backend))
    vectors = {RISK.name: vector(1), TIME.name: vector(2)}
    return CaaScorer(scorer, VCD, vectors, layer=layer, multiplier=multiplier)


def alone(kind, dilemma, pole, offset, layer):
    """Log-probabilities over options, one whole sequence at a time, the vector from the prompt's last token on."""
    prompter = LmScorer(LANGUAGE).prompter
    prompt = prompter.prompt(dilemma, pole)
    values = []
    for i in range(len(dilemma.options)):
        reply = prompter.response(dilemma, i)
        if kind == "letters":
            reply = reply[: len(LANGUAGE.tokenizer('{"choice": "')["input_ids"]) + 1]
        ids = torch.tensor([prompt + reply])
        where = torch.zeros(1, ids.shape[1], 32)
        where[:, len(prompt) - 1 :] = offset
        with torch.no_grad(), add_to_residual(LANGUAGE.model, layer, where):
            logp = LANGUAGE.model(ids).logits[0].double().log_softmax(-1)
        tokens = [float(logp[len(prompt) - 1 + j, token]) for j, token in enumerate(reply)]
        tokens = tokens[-1:] if kind == "letters" else tokens
        values.append(sum(tokens) / (len(tokens) if kind == "answers_per_token" else 1))
    return log_softmax(values)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layer", [0, 1])
def test_scores_are_those_of_separate_passes_with_each_poles_vector(kind, layer):
    scorer = steered(kind, layer=layer)
    plain = LmScorer(LANGUAGE, LmReading(kind=kind)).score(DILEMMAS, POLES)
    moved = 0.0
    for dilemma, asked, table, before in zip(DILEMMAS, POLES, scorer.score(DILEMMAS, POLES), plain, strict=True):
        for pole, row, sign in zip(asked, table, (1, -1), strict=True):
            offset = sign * 1.5 * vector(1 if dilemma.value_pair == RISK.name else 2)
            np.testing.assert_allclose(row, alone(kind, dilemma, pole, offset, layer), atol=SUMS)
        moved = max(moved, float(np.abs(table - before).max()))
    assert moved > 0.02


def test_a_model_whose_prefixes_cannot_be_shared_is_steered_branch_by_branch(monkeypatch, caplog):
    expected = steered("answers").score(DILEMMAS, POLES)
    monkeypatch.setattr("counterpoint.models.trie.anatomy.FAMILIES", ("none",))
    found = steered("answers").score(DILEMMAS, POLES)
    assert "branch on its own" in caplog.text
    for row, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(row, other, atol=SUMS)


def test_a_small_budget_of_nodes_changes_nothing():
    small = LmScorer(LANGUAGE, LmReading(kind="answers", max_nodes=200))
    found = CaaScorer(small, VCD, {RISK.name: vector(1)}, layer=0, multiplier=1.5).score(DILEMMAS[:3], POLES[:3])
    for row, other in zip(found, steered("answers").score(DILEMMAS[:3], POLES[:3]), strict=True):
        np.testing.assert_allclose(row, other, atol=SUMS)


def test_poles_in_any_order_and_number_get_their_own_vectors():
    scorer = steered()
    both = scorer.score(DILEMMAS[:1], [RISK.poles])[0]
    swapped = scorer.score(DILEMMAS[:1], [RISK.poles[::-1]])[0]
    np.testing.assert_allclose(swapped, both[::-1], atol=2e-5)
    np.testing.assert_allclose(scorer.score(DILEMMAS[:1], [RISK.poles[1:]])[0], both[1:], atol=2e-5)
    assert scorer.score(DILEMMAS[:1], [()])[0].shape == (0, 2)


def test_the_multiplier_scales_the_vector_and_its_sign_turns_it():
    assert torch.equal(steered(multiplier=2.0).vector(RISK.positive), 2 * vector(1))
    assert torch.equal(steered(multiplier=2.0).vector(RISK.negative), -2 * vector(1))


def test_poles_without_a_vector_are_an_error():
    for pole in (Pole("Past choices", "B"), None, VCD.by_name["Social Strategy"].positive):
        with pytest.raises(BadInputError, match="no CAA vector"):
            steered().score(DILEMMAS[:1], [[pole]])


def test_scoring_and_replying_leave_the_model_bit_identical():
    ids = torch.tensor([[5, 6, 7, 8]])
    state = {name: value.clone() for name, value in LANGUAGE.model.state_dict().items()}
    with torch.no_grad():
        before = LANGUAGE.model(ids).logits
    scorer = steered()
    scorer.score(DILEMMAS, POLES)
    speaker_of(scorer, Decoding(0, max_new_tokens=3)).reply([Question(DILEMMAS[0], RISK.positive)])
    with torch.no_grad():
        assert torch.equal(LANGUAGE.model(ids).logits, before)
    assert all(torch.equal(value, state[name]) for name, value in LANGUAGE.model.state_dict().items())
    assert not any(module._forward_hooks for module in LANGUAGE.model.modules())


def test_replies_are_those_of_greedy_steps_with_each_poles_vector():
    scorer = steered(layer=1)
    questions = [Question(d, pole, several) for d in DILEMMAS for pole in _poles(d) for several in (False, True)]
    speaker = speaker_of(scorer, Decoding(temperature=0, max_new_tokens=6))
    replies = speaker.reply(questions)
    assert replies != LmSpeaker(LANGUAGE, decoding=speaker.decoding).reply(questions)
    for question, reply in list(zip(questions, replies, strict=True))[::3]:
        prompt = speaker._prompters[question.several].prompt(question.dilemma, question.pole)
        said = list(prompt)
        for _ in range(6):
            where = torch.zeros(1, len(said), 32)
            where[:, len(prompt) - 1 :] = scorer.vector(question.pole)
            with torch.no_grad(), add_to_residual(LANGUAGE.model, 1, where):
                token = int(LANGUAGE.model(torch.tensor([said])).logits[0, -1].argmax())
            if token in speaker._generator.stop_tokens:
                break
            said.append(token)
        assert reply == LANGUAGE.tokenizer.decode(said[len(prompt) :], skip_special_tokens=True)


def _poles(dilemma):
    return VCD.by_name[dilemma.value_pair].poles


def test_vectors_are_the_mean_difference_at_the_answers_letter():
    scorer = LmScorer(LANGUAGE)
    found = mean_differences(scorer, DILEMMAS, VCD, [1, 0])
    assert set(found) == {RISK.name, TIME.name}
    assert found[RISK.name].shape == (2, 32)
    by_hand = []
    for dilemma in DILEMMAS[:3]:
        streams = []
        for option in range(len(dilemma.options)):
            reply = scorer.prompter.response(dilemma, option)
            reply = reply[: len(LANGUAGE.tokenizer('{"choice": "')["input_ids"]) + 1]
            with torch.no_grad(), read_residual(LANGUAGE.model, [0]) as seen:
                LANGUAGE.model(torch.tensor([scorer.prompter.prompt(dilemma, None) + reply]))
            streams.append(seen[0][0, -1])
        positive = torch.stack([streams[i] for i in dilemma.gold(RISK.positive.name)]).mean(0)
        by_hand.append(positive - streams[1])
    torch.testing.assert_close(found[RISK.name][1], torch.stack(by_hand).mean(0), atol=2e-5, rtol=0)


def test_vectors_without_sharing_are_the_same(monkeypatch):
    expected = mean_differences(LmScorer(LANGUAGE), DILEMMAS, VCD, [0, 1])
    monkeypatch.setattr("counterpoint.models.trie.anatomy.FAMILIES", ("none",))
    found = mean_differences(LmScorer(LANGUAGE), DILEMMAS, VCD, [0, 1])
    for name, stream in expected.items():
        torch.testing.assert_close(found[name], stream, atol=2e-5, rtol=0)


def test_dilemmas_with_one_pole_make_no_contrast():
    one_sided = Dilemma("x", TIME.name, "x", (Option("a", TIME.positive.name), Option("b", TIME.positive.name)))
    assert set(mean_differences(LmScorer(LANGUAGE), [DILEMMAS[0], one_sided], VCD, [0])) == {RISK.name}
    with pytest.raises(BadInputError, match="both poles"):
        mean_differences(LmScorer(LANGUAGE), [one_sided], VCD, [0])


def test_the_sweep_takes_the_best_of_what_it_tried_on_dilemmas_that_made_no_vector(monkeypatch):
    asked, made = set(), []
    score, differences = CaaScorer.score, mean_differences

    def spying_score(self, dilemmas, poles, **kwargs):
        asked.update(d.id for d in dilemmas)
        return score(self, dilemmas, poles, **kwargs)

    def spying_differences(scorer, dilemmas, *rest):
        made.append({d.id for d in dilemmas})
        return differences(scorer, dilemmas, *rest)

    monkeypatch.setattr(CaaScorer, "score", spying_score)
    monkeypatch.setattr("counterpoint.models.caa_fit.mean_differences", spying_differences)
    train = made_up(10) + made_up(10, TIME, "t")
    told = []
    config = CaaConfig(multipliers=(0.5, 2.0), held_out=0.3)
    found = fit_caa(LmScorer(LANGUAGE), train, VCD, config=config, progress=lambda done, of: told.append((done, of)))
    assert asked
    assert not asked & made[0]
    assert made[1] == {d.id for d in train}  # what is found is then made from all of them
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert [(row["layer"], row["multiplier"]) for row in found.sweep] == [(0, 0.5), (0, 2.0), (1, 0.5), (1, 2.0)]
    best = max(found.sweep, key=lambda row: (row["acc_one"], row["log_prob"]))
    assert (found.layer, found.multiplier) == (best["layer"], best["multiplier"])


def test_one_layer_and_multiplier_need_no_sweep():
    found = fit_caa(LmScorer(LANGUAGE), DILEMMAS[:1], VCD, config=CaaConfig(layers=(1,), multipliers=(3.0,)))
    assert (found.layer, found.multiplier, found.sweep) == (1, 3.0, ())


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"layers": (2,)}, "layers 0 to 1"),
        ({"multipliers": ()}, "multipliers"),
        ({"multipliers": (0.0,)}, "multipliers"),
        ({"held_out": 0.0}, "held_out"),
        ({"sweep_dilemmas": 0}, "leave none"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings, told):
    with pytest.raises(BadInputError, match=told):
        fit_caa(LmScorer(LANGUAGE), made_up(10), VCD, config=CaaConfig(**settings))


def test_a_saved_scorer_scores_bit_identically(tmp_path):
    scorer = fit_caa(LmScorer(LANGUAGE), DILEMMAS, VCD, config=CaaConfig(layers=(1,), multipliers=(3.0,)))
    scorer.save(tmp_path)
    again = CaaScorer.load(tmp_path, language=LANGUAGE)
    assert again.describe() == scorer.describe()
    for row, other in zip(again.score(DILEMMAS, POLES), scorer.score(DILEMMAS, POLES), strict=True):
        np.testing.assert_array_equal(row, other)
    record = json.loads((tmp_path / "caa.json").read_text())
    (tmp_path / "caa.json").write_text(json.dumps({**record, "sha256": "0"}))
    with pytest.raises(BadInputError, match=r"not of one counterpoint.caa/1"):
        CaaScorer.load(tmp_path, language=LANGUAGE)
    (tmp_path / "caa.safetensors").unlink()
    with pytest.raises(BadInputError, match="not saved CAA vectors"):
        CaaScorer.load(tmp_path, language=LANGUAGE)
