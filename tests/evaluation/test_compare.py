"""`compare` end to end: a run's files, the same numbers every time, stopped and resumed, and what it refuses."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from counterpoint.config import resolve
from counterpoint.data import load
from counterpoint.errors import BadInputError, UnknownNameError
from counterpoint.evaluation import compare as module
from counterpoint.evaluation.compare import compare
from counterpoint.evaluation.compare_config import METHODS, CompareConfig, methods_of, presets
from counterpoint.evaluation.progress import Stage
from counterpoint.models.encoder import EncoderScorer
from counterpoint.models.text_encoder import TextEncoder
from counterpoint.training.fit import FitConfig
from counterpoint.training.learners import encoder
from counterpoint.training.objective import OBJECTIVES
from small_encoder import RISK, TWO_PAIRS, made_up_dilemmas, small_text_encoder, write_dilemmas

QUICK = FitConfig(calibration_folds=0, head_iterations=15)
DILEMMAS = made_up_dilemmas(24)
NUMBERS = ("mean", "ci_low", "ci_high")


@pytest.fixture(scope="module", autouse=True)
def _small_encoder() -> Any:
    """The small encoder in place of the real one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TextEncoder, "load", staticmethod(lambda *_, cache=None: small_text_encoder(cache)))
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dilemmas(tmp_path_factory.mktemp("data") / "made-up.jsonl", DILEMMAS)


def settings(data: Path, **changes: Any) -> CompareConfig:
    config = CompareConfig(data=str(data), methods=("pft", "base"), seeds=2, test_fraction=0.3, fit=QUICK)
    return dataclasses.replace(config, **changes)


@pytest.fixture(scope="module")
def finished(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of two methods with two seeds."""
    out = tmp_path_factory.mktemp("runs") / "finished"
    compare(settings(data), out)
    return out


def results(out: Path) -> dict[str, Any]:
    """`results.json` but for the times, which are there."""
    found: dict[str, Any] = json.loads((out / "results.json").read_text(encoding="utf-8"))
    assert found.pop("seconds")["total"] >= 0
    return found


def test_results_json_is_as_documented(finished: Path, data: Path) -> None:
    found = results(finished)
    assert found["schema"] == "counterpoint.results/1"
    assert found["command"] == "compare"
    assert found["config"]["methods"] == ["pft", "base"]
    # 12 dilemmas of each of two pairs, 30% tested: a scenario goes where its middle falls, 4 of 12
    assert (found["data"]["train"], found["data"]["test"]) == (16, 8)
    assert found["data"]["sha256"] == load(data).digest
    methods = ["pft", "base", "rule", "rule_published_order"]
    assert [r["method"] for r in found["summary"] if r["metric"] == "acc_one"] == methods
    assert {(r["method"], r["seed"]) for r in found["rows"]} == {(m, s) for m in methods for s in (0, 1)}
    metrics = {"acc_one", "acc_all", "precision", "recall", "f1", "ece", "nll", "order_effect"}
    for row in found["rows"]:
        assert set(row) == {"method", "seed", "value_pair", "pole", "metric", "value", "n"}
        assert row["metric"] in metrics
        assert row["value_pair"] == found_pair(row["pole"])
        assert (row["value"] is None) is (row["n"] == 0)
    assert {(r["method"], r["metric"]) for r in found["summary"]} == {(m, k) for m in methods for k in metrics}
    for row in found["summary"]:
        assert row["seeds"] == 2
        values = [row[key] for key in NUMBERS]
        assert values == [None] * 3 if row["mean"] is None else values[1] <= values[0] <= values[2]
    assert len(found["paired"]) == 2 * 6  # two metrics, all pairs of four methods
    assert found["power"]["comparisons"] == 6, "said before the run: all pairs, rules among them"
    assert found["power"]["units"] == len({row["dilemma"] for row in predictions(finished)})
    for row in found["paired"]:
        assert 0 < row["p_value"] <= row["p_holm"] <= 1
    assert [(c["method"], c["seed"]) for c in found["curves"]] == [("pft", 0), ("pft", 1)]


def predictions(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "predictions.jsonl").read_text(encoding="utf-8").splitlines()]


def found_pair(pole: str) -> str:
    return TWO_PAIRS.by_pole[pole].name


def test_a_run_s_folder_holds_what_it_should(finished: Path) -> None:
    names = {path.relative_to(finished).as_posix() for path in finished.rglob("*") if path.is_file()}
    assert names >= {"config.toml", "results.json", "report.html", "log.jsonl", "predictions.jsonl", "dilemmas.jsonl"}
    assert {n for n in names if n.startswith("scorers/")} == {
        "scorers/pft-seed0/scorer.json",
        "scorers/pft-seed0/scorer.safetensors",
    }
    assert not [name for name in names if "tmp" in name or name.rsplit("/", 1)[-1].startswith(".results")]
    events = [json.loads(line)["event"] for line in (finished / "log.jsonl").read_text().splitlines()]
    assert events == ["cell"] * 4 + ["finished"]
    predictions = [json.loads(line) for line in (finished / "predictions.jsonl").read_text().splitlines()]
    assert len(predictions) == 2 * 2 * 8 * 2  # methods, seeds, dilemmas, poles
    kept = {json.loads(line)["id"] for line in (finished / "dilemmas.jsonl").read_text().splitlines()}
    assert kept == {row["dilemma"] for row in predictions}
    shown = resolve(CompareConfig, file=finished / "config.toml", flags={})
    assert (shown.methods, shown.seeds, shown.fit) == (("pft", "base"), 2, QUICK)


def test_the_saved_scorer_gives_the_answers_that_were_reported(finished: Path) -> None:
    scorer = EncoderScorer.load(finished / "scorers" / "pft-seed0")
    answers = json.loads((finished / "parts" / "pft-seed0.json").read_text())["answers"]
    by_id = {dilemma.id: dilemma for dilemma in DILEMMAS}
    for answer in answers:
        pole = TWO_PAIRS.by_name[answer["value_pair"]].pole(answer["pole"])
        [rows] = scorer.score([by_id[answer["dilemma"]]], [[pole]])
        assert rows[0].tolist() == pytest.approx(answer["log_probs"], abs=1e-5)


def test_training_shows_and_order_does_not(finished: Path) -> None:
    summary = {(row["method"], row["metric"]): row["mean"] for row in results(finished)["summary"]}
    assert summary["pft", "acc_one"] > 0.9
    assert summary["pft", "acc_one"] > summary["base", "acc_one"] + 0.2
    assert summary["pft", "order_effect"] == summary["base", "order_effect"] == 0
    assert summary["rule", "order_effect"] > 0
    assert summary["rule_published_order", "order_effect"] == 0
    assert summary["rule", "ece"] is None


def test_two_runs_are_identical_but_for_the_times(finished: Path, data: Path, tmp_path: Path) -> None:
    compare(settings(data), tmp_path)
    assert results(tmp_path) == results(finished)
    assert (tmp_path / "predictions.jsonl").read_bytes() == (finished / "predictions.jsonl").read_bytes()


def test_splits_and_orders_change_with_the_seed_and_no_test_scenario_is_trained_on(data: Path) -> None:
    parts = [module.parts_of(load(data), None, settings(data), seed) for seed in range(2)]
    for trained, tested in parts:
        assert not {d.scenario for d in trained} & {d.scenario for d in tested}
        assert len(trained) + len(tested) == 24
    assert {d.id for d in parts[0].test} != {d.id for d in parts[1].test}
    both = {d.id: d for d in parts[0].train}.keys() & {d.id for d in parts[1].train}
    orders = [{d.id: d.options for d in part.train} for part in parts]
    assert any(orders[0][name] != orders[1][name] for name in both)


def test_a_run_killed_in_the_middle_is_resumed_and_ends_in_the_same_file(
    finished: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits: list[int] = []
    real_fit = encoder.fit

    def failing(*args: Any, seed: int, **kwargs: Any) -> Any:
        fits.append(seed)
        if fits == [0, 1]:
            raise KeyboardInterrupt
        return real_fit(*args, seed=seed, **kwargs)

    monkeypatch.setattr(encoder, "fit", failing)
    with pytest.raises(KeyboardInterrupt):
        compare(settings(data), tmp_path)
    assert not (tmp_path / "results.json").exists()
    assert not (tmp_path / "report.html").exists()
    compare(settings(data), tmp_path)
    assert fits == [0, 1, 1], "seed 0 was finished and is taken over"
    assert results(tmp_path) == results(finished)


def test_methods_and_seeds_may_be_added_to_a_finished_run(data: Path, tmp_path: Path, finished: Path) -> None:
    compare(settings(data, methods=("pft",), seeds=1), tmp_path)
    compare(settings(data), tmp_path)
    assert results(tmp_path) == results(finished)
    events = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert sum(event["event"] == "cell" for event in events) == 4


def other_text(path: Path) -> None:
    path.write_text(path.read_text().replace("Person 3 may", "Person 3 might"))


def other_scenario(path: Path) -> None:
    path.write_text(path.read_text().replace("Scenario 0 number 3.", "Scenario 0 number three."))


def other_question(path: Path) -> None:
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    write_rows(path, [{**row, "question": "What would you do?"} for row in rows])


def other_explanation(path: Path) -> None:
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for row in rows:
        row["options"][0]["explanation"] = "It came to mind first."
    write_rows(path, rows)


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


OTHER_DATA = (other_text, other_scenario, other_question, other_explanation)


@pytest.mark.parametrize("change", ["setting", "encoder", "test_fraction", *OTHER_DATA])
def test_other_settings_or_data_in_the_same_folder_are_refused(tmp_path: Path, change: Any) -> None:
    data = write_dilemmas(tmp_path / "data.jsonl", DILEMMAS[:8])
    config = settings(data, methods=("base",), seeds=1)
    compare(config, tmp_path / "run")
    before = (tmp_path / "run" / "results.json").read_bytes()
    if callable(change):
        change(data)
    elif change == "setting":
        config = dataclasses.replace(config, fit=dataclasses.replace(QUICK, head_precision=2.0))
    elif change == "encoder":
        config = resolve(CompareConfig, sets=["encoder.reads=scenario"], flags=dataclasses.asdict(config))
    else:
        config = dataclasses.replace(config, test_fraction=0.5)
    with pytest.raises(BadInputError, match="other settings or data"):
        compare(config, tmp_path / "run")
    assert (tmp_path / "run" / "results.json").read_bytes() == before


def test_a_taxonomy_that_was_edited_makes_another_run(tmp_path: Path) -> None:
    data = write_dilemmas(tmp_path / "data.jsonl", tuple(d for d in DILEMMAS if d.value_pair == RISK)[:8])
    taxonomy = tmp_path / "mine.toml"
    text = '[[pairs]]\nname = "Risk Orientation"\n'
    for side, pole, says in (("positive", "Risk-taking", "Dares."), ("negative", "Risk-averse", "Fears.")):
        text += f'{side} = {{ name = "{pole}", description = "{says}" }}\n'
    taxonomy.write_text('name = "mine"\n' + text)
    config = settings(data, taxonomy=str(taxonomy), methods=("base",), seeds=1)
    compare(config, tmp_path / "run")
    taxonomy.write_text('name = "mine"\n' + text.replace("Dares.", "Loves to dare."))
    with pytest.raises(BadInputError, match="other settings or data"):
        compare(config, tmp_path / "run")


def test_a_dilemma_moved_from_test_to_train_makes_another_run(tmp_path: Path) -> None:
    train, test = tmp_path / "train.jsonl", tmp_path / "test.jsonl"

    def run(trained: int) -> None:
        write_dilemmas(train, DILEMMAS[:trained])
        write_dilemmas(test, DILEMMAS[trained:12])
        compare(settings(train, test=str(test), methods=("base",), seeds=1), tmp_path / "run")

    run(7)
    with pytest.raises(BadInputError, match="other settings or data"):
        run(8)


def test_two_runs_in_one_folder_at_once_are_refused(data: Path, tmp_path: Path) -> None:
    def again(stage: Stage) -> None:
        if "testing" in stage.text:
            with pytest.raises(BadInputError, match="another run is writing here"):
                compare(settings(data), tmp_path)
            asked.append(stage)

    asked: list[Stage] = []
    compare(settings(data, methods=("base",), seeds=1), tmp_path, report=again)
    assert asked


def test_train_and_test_files_are_used_as_given_and_a_leak_between_them_is_refused(tmp_path: Path) -> None:
    train = write_dilemmas(tmp_path / "train.jsonl", DILEMMAS[:16])
    test = write_dilemmas(tmp_path / "test.jsonl", DILEMMAS[16:])
    found = compare(settings(train, test=str(test), methods=("base",)), tmp_path / "run")
    assert (found["data"]["train"], found["data"]["test"]) == (16, 8)
    leaky = (dataclasses.replace(DILEMMAS[3], id="new", scenario="SCENARIO 0,  number 3!"), *DILEMMAS[16:])
    write_dilemmas(test, leaky)
    with pytest.raises(BadInputError, match=r"1 test dilemmas have a scenario that is trained on: d0-3 = new"):
        compare(settings(train, test=str(test)), tmp_path / "leak")
    assert not (tmp_path / "leak").exists()


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"methods": ("pft", "sft_postive")}, UnknownNameError, "Did you mean 'sft_positive'"),
        ({"model": "encodr"}, UnknownNameError, "Did you mean 'encoder'"),
        ({"methods": ("pft", "pft")}, BadInputError, "once each"),
        ({"methods": ()}, BadInputError, "at least one"),
        ({"seeds": 0}, BadInputError, "seeds must be at least 1"),
        ({"test_fraction": 1.0}, BadInputError, "between 0 and 1"),
        ({"test_fraction": float("nan")}, BadInputError, "between 0 and 1"),
        ({"data": "no/such/file.json"}, BadInputError, "no/such/file.json"),
        ({"test_fraction": 0.001}, BadInputError, "24 dilemmas to train and 0 to test on"),
        ({"fit": FitConfig(batch_size=0)}, BadInputError, "batch_size"),
        ({"fit": FitConfig(epochs=-1)}, BadInputError, "epochs"),
        ({"fit": FitConfig(calibration_folds=1)}, BadInputError, "calibration_folds"),
        ({"fit": FitConfig(head_precision=0.0)}, BadInputError, "head_precision"),
        ({"fit": FitConfig(learning_rate=float("nan"))}, BadInputError, "learning_rate"),
    ],
)
def test_settings_that_can_t_work_are_refused_before_anything_is_written(
    data: Path, tmp_path: Path, changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        compare(dataclasses.replace(settings(data), **changes), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_methods_are_base_and_every_objective() -> None:
    assert sorted(methods_of("encoder")) == sorted(("base", *OBJECTIVES.names()))
    assert sorted(methods_of("lm:tiny")) == sorted(("base", "icl", "caa", *OBJECTIVES.names()))
    assert set(METHODS) <= set(methods_of("encoder"))
    assert presets({"model": "lm:tiny"})["methods"] == (*METHODS, "icl", "caa")
    assert presets({}) == {}


def test_progress_goes_up_from_0_to_1(data: Path, tmp_path: Path) -> None:
    told: list[Stage] = []
    compare(settings(data, seeds=1), tmp_path, report=told.append)
    shares = [stage.share for stage in told]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0, 1)
    assert any("training pft" in stage.text or "training (loss" in stage.text for stage in told)


def test_bad_records_are_left_out_only_where_that_is_asked_for(data: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text(data.read_text() + '{"id": "broken", "value_pair": "Tea Preference"}\n')
    config = settings(bad, methods=("base",), seeds=1)
    with pytest.raises(BadInputError, match="id 'broken'"):
        compare(config, tmp_path / "run")
    found = compare(config, tmp_path / "run", keep_good=True)
    assert found["data"]["train"] + found["data"]["test"] == 24


def test_a_fine_tuned_run_repeats_too(data: Path, tmp_path: Path) -> None:
    tuned = dataclasses.replace(QUICK, finetune=True, epochs=1)
    for name in ("one", "other"):
        compare(settings(data, methods=("pft",), seeds=1, fit=tuned), tmp_path / name)
    assert results(tmp_path / "one") == results(tmp_path / "other")


def test_a_run_folder_that_was_refused_can_be_opened_by_the_right_run(data: Path, finished: Path) -> None:
    with pytest.raises(BadInputError):
        compare(settings(data, test_fraction=0.4), finished)
    compare(settings(data), finished)
