"""What can be said against a dilemma by reading it."""

from authoring.dilemmas.made_up import RISK, VCD, dilemma
from counterpoint.authoring.dilemmas.rules import forbidden, problems


def test_nothing_is_said_against_a_good_one():
    assert problems(dilemma(), VCD) == []


def test_a_poles_word_in_an_option_or_its_reason_is_said():
    given = dilemma(("Take the risk with all of it.", "Risk-taking"), ("Keep it in the bank.", "Risk-averse"))
    assert problems(given, VCD) == ["the text of option 1 has a pole's word: risk"]
    given = dilemma(("Give her all of it.", "Risk-taking", "You like to gamble."), ("Keep it here.", "Risk-averse"))
    assert problems(given, VCD) == ["the explanation of option 1 has a pole's word: gamble"]


def test_the_preference_must_not_be_named_in_the_scenario():
    (problem,) = problems(dilemma(scenario="This is about risk orientation, as you well know by now."), VCD)
    assert problem == "the scenario names 'Risk Orientation', which it must not"


def test_uneven_and_tiny_texts_are_said():
    long = "Give her all of it on Friday and go to see the new shop with her on Saturday."
    (problem,) = problems(dilemma((long, "Risk-taking"), ("Keep it in the bank.", "Risk-averse")), VCD)
    assert problem == "options have 20 to 77 characters: make them about equally long"
    assert "the scenario has fewer than 8 words" in problems(dilemma(scenario="You choose."), VCD)
    tiny = dilemma(("Give it.", "Risk-taking"), ("Keep it.", "Risk-averse"))
    assert problems(tiny, VCD) == ["option 1 has fewer than 3 words", "option 2 has fewer than 3 words"]


def test_equal_options_and_one_sided_ones_are_said():
    same = dilemma(("Give her all.", "Risk-taking"), ("Give her  all.", "Risk-averse"))
    assert any("says the same" in problem for problem in problems(same, VCD))
    one = dilemma(("Give her all.", "Risk-taking"), ("Give her half.", "Risk-taking"))
    assert any("both" in problem for problem in problems(one, VCD))


def test_forbidden_words_are_names_and_stems_once_each():
    assert forbidden(RISK).startswith("Risk-taking, Risk-averse, risk..., gambl...")
    assert forbidden(RISK).count("risk...") == 1
