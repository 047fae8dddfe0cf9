"""One attempt against a scripted model: labels recovered blind, appeal, twins, and what is told to whom."""

import asyncio
import json

import pytest

from authoring.clients import asked
from authoring.dilemma_player import players
from authoring.dilemmas.made_up import VCD
from authoring.scripted import Script, ScriptedServer
from counterpoint.authoring.dilemmas.settling import read_dilemma
from counterpoint.authoring.dilemmas.writing import DilemmaSettings, DilemmaWriter
from counterpoint.authoring.journal import Draft, RejectedError


def written(tmp_path, server, slots, *, attempt=0, **settings):
    """Drafts or rejections of some slots."""

    async def work(llm):
        writer = DilemmaWriter(DilemmaSettings(**settings), VCD, writer=llm, checker=llm)
        return await asyncio.gather(*(writer.write(slot, attempt) for slot in slots), return_exceptions=True)

    return asked(server.url, tmp_path, work)


def test_a_draft_is_as_planned_and_all_its_answers_are_recorded(tmp_path):
    with ScriptedServer(Script(), players()) as server:
        drafts = written(tmp_path, server, range(12))
    for slot, draft in enumerate(drafts):
        assert isinstance(draft, Draft), draft
        dilemma, planned = read_dilemma(draft.row["dilemma"]), slot_of(slot)
        assert (dilemma.value_pair, dilemma.scene) == (planned.pair.name, planned.area)
        counts = (len(dilemma.gold(planned.pair.positive.name)), len(dilemma.gold(planned.pair.negative.name)))
        assert counts == (planned.positive, planned.negative)
        assert all(option.explanation for option in dilemma.options)
        assert dilemma.open_question
        assert draft.checks["labels read"] == [option.pole for option in dilemma.options]
        assert [answer.step for answer in draft.answers] == ["scene", "dilemma", "labels", "appeal"]
        assert all(answer.prompt.startswith(f"dilemmas.{answer.step}/1 sha256:") for answer in draft.answers)


def slot_of(index):
    return DilemmaWriter(DilemmaSettings(), VCD, writer=None, checker=None).slot(index)


def test_who_reads_labels_is_told_neither_labels_nor_names(tmp_path):
    with ScriptedServer(Script(), players()) as server:
        drafts = written(tmp_path, server, range(6))
        requests = server.requests
    reasons = [option["explanation"] for draft in drafts for option in draft.row["dilemma"]["options"]]
    for request in requests:
        text = json.dumps(request["messages"])
        form = request["response_format"]["json_schema"]["name"]
        for pair in VCD:
            for pole in pair.poles:
                assert (pole.name in text) <= (form == "Dilemma")  # named there as words not to use
        if form in ("Labels", "Appeal"):
            assert request["temperature"] == 0
            assert not any(reason in text for reason in reasons)


def test_a_label_that_is_not_recovered_rejects_with_the_option_named(tmp_path):
    wrong = {**players(), "Labels": lambda request, _: {"leanings": ["neither"] * size(request)}}
    with ScriptedServer(Script(), wrong) as server:
        (rejected,) = written(tmp_path, server, [0])
    assert isinstance(rejected, RejectedError)
    assert rejected.reason == "label not recovered"
    assert "read as neither" in rejected.detail
    assert len(rejected.answers) == 3


@pytest.mark.parametrize(
    ("appeal", "dominated", "reason"),
    [(5, [2], "dominated option"), (1, [], "option without appeal"), (2, [], None)],
)
def test_appeal_is_checked(tmp_path, appeal, dominated, reason):
    player = {"Appeal": lambda request, _: {"appeal": [appeal] * size(request), "dominated": dominated}}
    with ScriptedServer(Script(), {**players(), **player}) as server:
        (result,) = written(tmp_path, server, [0])
    assert getattr(result, "reason", None) == reason


def size(request):
    """How many options a checker is asked about."""
    form = request["response_format"]["json_schema"]["schema"]["properties"]
    return next(field["minItems"] for field in form.values() if "minItems" in field)


def test_a_pole_word_is_mended_or_rejected(tmp_path):
    honest = players()["Dilemma"]

    def naming(request, chance):
        answer = honest(request, chance)
        if len(request["messages"]) == 2:
            answer["side_one"][0]["text"] += " competitively"
            answer["side_one"][0]["reason"] += " risky"
        return answer

    with ScriptedServer(Script(), {**players(), "Dilemma": naming}) as server:
        drafts = written(tmp_path, server, range(6))
        shown = [r["messages"][3]["content"] for r in server.requests if len(r["messages"]) == 4]
    assert all(isinstance(draft, Draft) for draft in drafts)
    assert len(shown) == 2  # of risk, and of social strategy
    assert any("competitively" in text for text in shown)


def test_a_twin_has_the_same_options_and_each_serves_the_other_pole(tmp_path):
    with ScriptedServer(Script(), players()) as server:
        drafts = written(tmp_path, server, range(6), twins=True)
    for draft in drafts:
        dilemma, twin = read_dilemma(draft.row["dilemma"]), read_dilemma(draft.row["twin"])
        pair = VCD.by_name[dilemma.value_pair]
        assert twin.id == f"{dilemma.id}-twin"
        assert twin.scenario != dilemma.scenario
        for option, other in zip(dilemma.options, twin.options, strict=True):
            assert (other.text, other.pole) == (option.text, pair.other(option.pole).name)
        assert draft.checks["twin"] == "good"


def test_a_twin_that_does_not_turn_the_labels_round_is_left_out_and_the_row_kept(tmp_path):
    same = {**players(), "Twin": lambda request, chance: {**players()["Twin"](request, chance), "scenario": PLAIN}}
    with ScriptedServer(Script(), same) as server:
        (draft,) = written(tmp_path, server, [0], twins=True)
    assert draft.row["twin"] is None
    assert draft.checks["twin"].startswith("label not recovered")
    assert [answer.step for answer in draft.answers][-2:] == ["twin", "labels"]


PLAIN = "The river rises by a hand each hour, and the boat that you lent out is not back."


def test_attempts_and_slots_ask_differently_and_repeats_the_same(tmp_path):
    with ScriptedServer(Script(), players()) as server:
        written(tmp_path / "a", server, [0, 6], attempt=0)
        written(tmp_path / "b", server, [0], attempt=1)
        assert server.stats.paid_twice == 0
        written(tmp_path / "c", server, [0], attempt=0)
        assert server.stats.paid_twice == 4
