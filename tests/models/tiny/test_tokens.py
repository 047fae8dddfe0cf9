"""lm:tiny's tokenizer: any text there and back, the toy world's words one token each."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from counterpoint.data import taxonomy
from counterpoint.models.prompts import Prompter
from counterpoint.models.tiny.lessons import PROPERTIES
from counterpoint.models.tiny.school import School, Settings
from counterpoint.models.tiny.tokens import make_tokenizer

TOKENIZER = School(Settings()).tokenizer


def ids(text: str) -> list[int]:
    found: list[int] = TOKENIZER(text, add_special_tokens=False)["input_ids"]
    return found


@given(st.text(max_size=60))
def test_any_text_comes_back_as_it_was(text: str) -> None:
    if not any(token.content in text for token in TOKENIZER.added_tokens_decoder.values() if token.special):
        assert TOKENIZER.decode(ids(text)) == text


def test_words_names_of_poles_and_letters_are_one_token_each() -> None:
    words = [word for kind in PROPERTIES for word in (kind.name, *kind.words)]
    poles = [word for pole in taxonomy("toy").poles for word in (pole.name, pole.name.lower())]
    assert [word for word in words + poles if len(ids(f" {word}")) != 1] == []
    assert [letter for letter in "ABCD" if len(ids(letter)) != 1] == []


def test_a_phrase_is_one_token_wherever_it_stands() -> None:
    made = make_tokenizer(["some text"] * 9, ["a fixed phrase"])
    assert made.tokenize("xa fixed phrasey")[1] == "a fixed phrase"
    assert made.decode(made("xa fixed phrasey")["input_ids"]) == "xa fixed phrasey"


def test_it_is_made_the_same_every_time() -> None:
    again = School(Settings()).tokenizer
    assert again.get_vocab() == TOKENIZER.get_vocab()


def test_a_prompt_in_its_template_is_short() -> None:
    prompter = Prompter(TOKENIZER)
    assert TOKENIZER.decode(prompter.end) == "<|end|>"
    shown = TOKENIZER.decode(prompter.tokens("Hello"))
    assert shown.startswith("<|system|>")
    assert shown.endswith("<|user|>Hello<|end|><|assistant|>")
