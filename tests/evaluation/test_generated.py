"""Asking in words: replies are read in the order shown, told in the file's order, and never dropped."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from counterpoint.data import shuffle_options, taxonomy
from counterpoint.errors import BadInputError
from counterpoint.evaluation.answers import CHUNK
from counterpoint.evaluation.generated import ask_in_words
from counterpoint.evaluation.metrics import measure
from counterpoint.models.answer_parser import parse_answer
from counterpoint.models.icl import IclConfig, IclScorer
from counterpoint.models.lm_scorer import LmScorer
from counterpoint.models.lm_speaker import LmSpeaker, Question, speaker_of
from counterpoint.models.prompts import PromptConfig, Prompter
from counterpoint.models.sampling import Decoding
from counterpoint.types import Dilemma, Option
from small_encoder import RISK, TWO_PAIRS, made_up_dilemmas
from small_language import DILEMMA, TEMPLATES, language, tokenizer

DILEMMAS = made_up_dilemmas(CHUNK + 5)


class Stub:
    """A speaker that knows the truth; every `mute`-th reply is no answer."""

    def __init__(self, mute: int = 0) -> None:
        self.mute, self.asked = mute, list[Question]()

    def reply(self, questions: Sequence[Question]) -> list[str]:
        self.asked += questions
        return [self._one(question, i) for i, question in enumerate(questions)]

    def _one(self, question: Question, i: int) -> str:
        if self.mute and i % self.mute == 0:
            return "I would rather not say."
        assert question.pole is not None
        letters = ["ABCDEFG"[j] for j in question.dilemma.gold(question.pole.name)]
        return json.dumps({"choices": letters} if question.several else {"choice": letters[-1]})


@pytest.mark.parametrize("seed", range(3))
def test_a_speaker_that_knows_the_truth_is_always_right_in_any_order(seed: int) -> None:
    answers = ask_in_words(Stub(), DILEMMAS, TWO_PAIRS, order_seed=seed)
    assert len(answers) == 2 * len(DILEMMAS)
    for answer in answers:
        assert answer.chosen in answer.gold
        assert answer.selected == answer.gold
        assert (answer.log_probs, answer.confidence) == ((), None)
        assert len(answer.replies) == 2
    metrics = measure(answers)
    assert (metrics["acc_one"].value, metrics["acc_all"].value, metrics["unreadable"].value) == (1.0, 1.0, 0.0)


def test_options_are_shown_in_the_order_drawn_and_each_pole_is_asked_twice() -> None:
    stub, done = Stub(), list[int]()
    ask_in_words(stub, DILEMMAS, TWO_PAIRS, order_seed=4, progress=done.append)
    assert [q.dilemma for q in stub.asked[::4]] == [shuffle_options(dilemma, 4) for dilemma in DILEMMAS]
    assert [q.several for q in stub.asked] == [False, True] * (2 * len(DILEMMAS))
    assert done == [CHUNK, 5]


def test_unreadable_replies_stay_in_the_denominator() -> None:
    answers = ask_in_words(Stub(mute=4), DILEMMAS[:8], TWO_PAIRS, order_seed=0)
    metrics = measure(answers)  # of 32 replies 8 are mute: every second one that was to choose one option
    assert metrics["acc_one"].n == len(answers) == 16
    assert metrics["acc_one"].value == 0.5
    assert metrics["acc_all"].value == 1.0
    assert metrics["unreadable"].value == 0.25
    assert sum(answer.chosen is None for answer in answers) == 8


class Saying(Stub):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def _one(self, question: Question, i: int) -> str:  # noqa: ARG002
        return self.text


def test_several_options_are_no_answer_where_one_was_asked_for() -> None:
    two = Dilemma("d", RISK, "s", (Option("a b", "Risk-averse"), Option("c d", "Risk-taking")))
    for answer in ask_in_words(Saying('{"choices": ["A", "B"]}'), [two], TWO_PAIRS, order_seed=0):
        assert answer.chosen is None
        assert answer.selected == (0, 1)


def test_an_options_text_is_found_in_whatever_place_it_was_shown() -> None:
    two = Dilemma("d", RISK, "s", (Option("a b", "Risk-averse"), Option("c d", "Risk-taking")))
    for seed in range(4):
        assert {a.chosen for a in ask_in_words(Saying("c d"), [two], TWO_PAIRS, order_seed=seed)} == {1}


def test_a_pole_without_an_option_is_not_asked() -> None:
    one_sided = Dilemma("d", RISK, "s", (Option("a", "Risk-averse"), Option("b", "Risk-averse")))
    assert [a.pole for a in ask_in_words(Stub(), [one_sided], TWO_PAIRS, order_seed=0)] == ["Risk-averse"]


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("several", [False, True])
def test_the_reply_that_is_trained_is_read_back(template: str, several: bool) -> None:
    words = tokenizer(template)
    prompter = Prompter(words, PromptConfig(several=several))
    texts = [option.text for option in DILEMMA.options]
    for chosen in ([0, 2] if several else [0], [1]):
        ids = prompter.response(DILEMMA, chosen if several else chosen[0])
        found = parse_answer(words.decode(ids, skip_special_tokens=True), 3, texts=texts)
        assert found.choices == tuple(chosen)
        assert found.explanation == " ".join(DILEMMA.options[i].explanation for i in chosen)


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_language_model_is_asked_what_its_prompter_puts_and_stops_at_its_end(template: str) -> None:
    made = language(template)
    pole = taxonomy("vcd").by_pole["Risk-taking"].positive
    speaker = LmSpeaker(made, decoding=Decoding(temperature=0, max_new_tokens=8))
    questions = [Question(DILEMMA, p, several) for p in (pole, None) for several in (False, True)]
    replies = speaker.reply(questions)
    end = Prompter(made.tokenizer).end
    for question, reply in zip(questions, replies, strict=True):
        prompter = Prompter(made.tokenizer, PromptConfig(several=question.several))
        prompt = prompter.prompt(question.dilemma, question.pole)
        assert prompt == speaker._prompters[question.several].prompt(question.dilemma, question.pole)
        assert reply == speaker.reply([question])[0]
    assert set(end) <= speaker._generator.stop_tokens


def test_without_a_token_that_ends_replies_a_line_break_does() -> None:
    made = language("none")
    made.tokenizer = tokenizer("none", eos=None)
    assert LmSpeaker(made)._generator.stop_tokens >= set(made.tokenizer("\n")["input_ids"])
    prompter = Prompter(made.tokenizer)
    prompter.end = tuple(made.tokenizer("the end")["input_ids"])
    assert len(prompter.end) > 1
    assert LmSpeaker(made, prompter=prompter).decoding.stop_strings == ("\n\n", "the end")


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_model_without_turns_is_not_read_beyond_a_blank_line(template: str) -> None:
    stops = LmSpeaker(language(template), decoding=Decoding(stop_strings=("x",))).decoding.stop_strings
    assert stops == (("x", "\n\n") if template == "none" else ("x",))


def test_examples_of_a_scorer_are_in_what_its_speaker_asks() -> None:
    pair = taxonomy("vcd").by_name[DILEMMA.value_pair]
    other = Dilemma("o", pair.name, "Another scenario.", DILEMMA.options)
    scorer = IclScorer(LmScorer(language()), [other], IclConfig(shots=1, names_pole=False))
    speaker = speaker_of(scorer, Decoding(temperature=0, max_new_tokens=2))
    for several in (False, True):
        text = speaker._prompters[several].text(DILEMMA, pair.positive)
        assert "Another scenario." in text
        assert pair.positive.name not in text
        assert ("all options that fit" in text) == several
    assert not scorer.prompter.config.several, "the scorer's own questions stay as they were"
    assert len(speaker.reply([Question(DILEMMA, pair.positive)])) == 1


def test_a_scorer_without_words_is_refused() -> None:
    class Mute:
        name = "encoder"

    with pytest.raises(BadInputError, match="encoder has no words"):
        speaker_of(Mute())  # type: ignore[arg-type]
