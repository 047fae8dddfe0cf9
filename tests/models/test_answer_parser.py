"""Replies as models write them, and what each of them chooses; whatever is in doubt is unreadable."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoint.models.answer_parser import CHOICE_KEYS, QUOTES, ParsedAnswer, parse_answer

TEXTS = ("Take the night train.", "Stay until Monday", "Call Ana, then decide.", "Stay")


def choices(text, options=4, texts=TEXTS):
    return parse_answer(text, options, texts=texts).choices


def test_the_form_asked_for_is_read_with_its_explanation():
    assert parse_answer('{"choice": "B", "explanation": "It is \\"safe\\"."}', 4) == ParsedAnswer((1,), 'It is "safe".')
    assert parse_answer('{"choices": ["A", "C"], "explanation": "Both."}', 4) == ParsedAnswer((0, 2), "Both.")


@pytest.mark.parametrize(
    "text",
    [
        '{"choice": "B"}',
        '{"choice": "b"}',
        '{"Choice": " B "}',
        '{"choice": "(b)"}',
        '{"choice": "B."}',
        '{"choice": "Option B"}',
        '{"choice": "**B**"}',
        '{"choice": "Ｂ"}',
        '{"choice": "B. Stay until Monday"}',
        '{"choice": "B: stay until monday"}',
        '{"choice": "B (Stay until Monday)"}',
        '{"choice": "Stay until Monday."}',
        '{"choice": "stay   until MONDAY"}',
        '{"choice": ["B"]}',
        '{"choice": 2}',
        '{"choice": "2"}',
        '{"choice": "2."}',
        '{"answer": {"choice": "B", "explanation": "x"}}',
        '{"choice": {"letter": "B", "text": "Stay until Monday"}}',
        '{"explanation": "A is too risky.", "choice": "B"}',
        '{"choice": "B", "choice": "B"}',
        'Sure! Here is my answer:\n```json\n{"choice": "B", "explanation": "x"}\n```\nHope that helps.',
        'Reply with {"choice": "..."}: {"choice": "B"}',
        '<think>{"choice": "A"} or not?</think>\n{"choice": "B"}',
        '{\n  "choice": "B",\n  "explanation": "x"\n}',
    ],
)
def test_json_is_read_wherever_and_however_the_option_is_named(text):
    assert choices(text) == (1,)


@pytest.mark.parametrize(
    "text",
    [
        "{'choice': 'B', 'explanation': 'It\\'s fine'}",
        '{"choice": "B",}',
        '{"choice": "B" "explanation": "no comma"}',
        "{choice: B}",
        "{choice: B, explanation: because}",
        '{"choice": "B", "explanation": "because it',
        '{"choice": "B", "explanation": "line\nbreak"}',
        '{"choice": "B',
        '"choice": "B"',
        "choice: B",
        "Choice = B",
        "{“choice”: “B”, “explanation”: “x”}",
        "{„choice“: „B“}",
        "{«choice»: «B»}",
        "{「choice」: 「B」}",
        "{`choice`: `B`}",
        '{"choice": ["B",]}',
        '{"choice": ["B"',
        '{"choice": Option B}',
    ],
)
def test_broken_json_is_read_as_far_as_it_is_clear(text):
    assert choices(text) == (1,)


@pytest.mark.parametrize(
    "text",
    [
        "B",
        "b",
        "B.",
        "(b)",
        "**B**",
        '"B"',
        "2",
        '["B"]',
        "```\nB\n```",
        "Option B",
        "Answer: B",
        "The answer is B.",
        "B. Stay until Monday",
        "B) Stay until Monday, because it is safer.",
        "B, because A is a gamble.",
        "B because I am tired",
        "I choose B.",
        "I would go with option B, all things considered.",
        "My choice is (b).",
        "I'd pick B: it can wait.",
        "My answer: I choose B.",
        "Final answer: I'd go for (b)",
        "After some thought, option B fits best.",
        "Stay until Monday",
        "They would stay until Monday, I am sure.",
    ],
)
def test_prose_is_read_where_it_names_one_option(text):
    assert choices(text) == (1,)


@pytest.mark.parametrize(
    "text",
    [
        '{"choices": ["A", "C"]}',
        '{"choices": ["a", "(c)"]}',
        '{"choices": ["Option A", "Option C"]}',
        '{"choices": [1, 3]}',
        '{"choices": ["Take the night train.", "Call Ana, then decide."]}',
        '{"choices": "A, C"}',
        '{"choices": "A and C"}',
        '{"choices": "A/C"}',
        '{"choices": ["A", "C", "A"]}',
        "{'choices': ['A', 'C',]}",
        "{'choices': [A, C]}",
        '{"choices": ["A", "C"',
        "{“choices”: [“A”, “C”]}",
        "A, C",
        "A and C",
        "Options A and C",
        '["A", "C"]',
    ],
)
def test_several_options_are_read(text):
    answer = parse_answer(text, 4, texts=TEXTS)
    assert answer.choices == (0, 2)
    assert answer.choice is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "{}",
        "I can't decide.",
        "A dog is a good friend.",
        '{"B": "no key of ours"}',
        "I am unsure what to say here.",
        "As an AI I have no preferences.",
        '{"choice": ""}',
        '{"choice": "..."}',
        '{"choice": null}',
        '{"choice": true}',
        '{"choice": 1.5}',
        '{"choices": []}',
        '{"choices": ["A", "?"]}',
        '{"choices": ["A", ["B"]]}',
        '{"choices": ["A", "C',
        '{"choices": ["A",',
        '{"choice": "A"} {"choice": "B"}',
        '{"choice": "A", "choice": "B"}',
        '{"choice": "A", "answer": "B"}',
        '{"choice": "A or B"}',
        '{"choice": "B. Take the night train."}',
        '{"choice": "B (Take the night train.)"}',
        "Option A is tempting, but so is option B.",
        "I would not choose B.",
        "I choose A. No, I choose B.",
        "Take the night train. Stay until Monday.",
        '<think>{"choice": "B"} it seems',
    ],
)
def test_what_is_in_doubt_is_unreadable(text):
    assert choices(text) is None


@pytest.mark.parametrize(
    "text",
    ['{"choice": "E"}', '{"choice": 0}', '{"choice": 5}', '{"choice": -1}', '{"choices": ["A", "E"]}', '{"choice": "Z',
     '{"choice": "Ä"}', '{"choice": 123456789012345678901234567890}', "E", "I choose E.", "0", "5"],
)  # fmt: skip
def test_an_option_that_is_not_there_is_unreadable(text):
    assert choices(text) is None


def test_the_longer_of_two_nested_texts_is_meant():
    assert choices('{"choice": "Stay"}') == (3,)
    assert choices('{"choice": "I stay until Monday!"}') == (1,)


def test_numbers_count_from_one_even_where_zero_would_fit():
    assert [choices(json.dumps({"choice": n}), 3) for n in (0, 1, 2, 3)] == [None, (0,), (1,), (2,)]


@pytest.mark.parametrize(
    ("text", "explanation"),
    [
        ("{'choice': 'B', 'explanation': 'It is safe.'}", "It is safe."),
        ('{"choice": "B", "explanation": "because it', "because it"),
        ('{"choice": "B", "reason": "Why not."}', "Why not."),
        ("{“choice”: “B”, “explanation”: “So it is”}", "So it is"),
        ('{"choice": "B"}', None),
        ('{"choice": "B", "explanation": 3}', None),
        ("B", None),
    ],
)
def test_the_explanation_is_kept_as_far_as_it_goes(text, explanation):
    assert parse_answer(text, 4).explanation == explanation


PIECES = st.sampled_from(
    ['"choice"', '"choices"', ":", "[", "]", "{", "}", ",", '"', "'", "B", "E", "option", "not", "answer is", "2", "\n",
     " ", "```", "<think>", "</think>", "“", "”", "Stay", "\\", "\u2028", "ǅ", "İ", "null"]
)  # fmt: skip


@given(st.one_of(st.text(), st.lists(PIECES).map("".join)), st.integers(0, 30))
def test_no_text_raises_and_every_choice_is_an_option(text, options):
    found = parse_answer(text, options, texts=TEXTS[:options])
    if found.choices is not None:
        assert found.choices
        assert len(set(found.choices)) == len(found.choices)
        assert all(0 <= option < options for option in found.choices)


@given(st.permutations(range(5)), st.integers(1, 5), st.sampled_from(sorted(CHOICE_KEYS)), st.text(max_size=30))
def test_what_is_written_as_json_is_read_back(order, count, key, explanation):
    letters = ["ABCDE"[i] for i in order[:count]]
    text = json.dumps({key: letters if count > 1 else letters[0], "explanation": explanation})
    found = parse_answer(text, 5)
    assert found.choices == tuple(order[:count])
    assert (found.explanation or "") in (explanation.strip(), "")


@given(st.sampled_from(QUOTES), st.integers(0, 3))
def test_any_quotes_will_do(quote, option):
    text = f"{{{quote}choice{quote}: {quote}{'ABCD'[option]}{quote}}}"
    assert choices(text, texts=()) == (option,)


@pytest.mark.parametrize("text", ["[", "{", '{"a":', "choice:", "(", " ", "_", "<think>", "```\n"])
def test_long_and_deep_replies_end_and_say_nothing(text):
    assert choices(text * 20_000) is None


@pytest.mark.parametrize("option", range(4))
def test_a_real_replys_letter_is_read_whatever_its_explanation_says(option):
    reply = {"choice": "ABCD"[option], "explanation": 'Unlike option A or B, "choice: C" is {"choice": "D"}.'}
    assert choices(json.dumps(reply)) == (option,)
