"""`reproduce pft` over the small encoder: what is trained on what, asked what, chosen where, and said in the end."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from counterpoint.data.split import scenario_key
from counterpoint.errors import BadInputError, UnknownNameError
from counterpoint.evaluation.reproduce import workshop as workshop_module
from counterpoint.evaluation.reproduce.pft import Forecast, reproduce_pft
from counterpoint.evaluation.reproduce.pft_config import PftConfig
from counterpoint.evaluation.reproduce.pft_jobs import choose, plan_jobs
from counterpoint.evaluation.reproduce.pft_material import read_material
from counterpoint.evaluation.reproduce.variants import DEFAULT, variants
from counterpoint.evaluation.reproduce.workshop import Workshop
from counterpoint.evaluation.suites.history import HistoryConfig
from counterpoint.models.text_encoder import TextEncoder
from counterpoint.runlog import RunFolder
from counterpoint.training.settings import FitConfig
from small_encoder import RISK, TIME, made_up_dilemmas, small_text_encoder, write_dilemmas

QUICK = FitConfig(calibration_folds=0, head_iterations=12)
PEOPLE = HistoryConfig(histories=(1, 2), people=8, questions=4, newcomers=6, noises=(0.0,), resamples=100)


@pytest.fixture(scope="module", autouse=True)
def _small_encoder() -> Iterator[None]:
    """The small encoder in place of the real one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TextEncoder, "load", staticmethod(lambda *_, cache=None: small_text_encoder(cache)))
        yield


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> PftConfig:
    data = write_dilemmas(tmp_path_factory.mktemp("data") / "made-up.jsonl", made_up_dilemmas(60))
    return PftConfig(
        data=str(data), methods=("base", "pft", "sft_positive"), seeds=2, variants=1, history=PEOPLE, fit=QUICK
    )


@pytest.fixture(scope="module")
def finished(config: PftConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "finished"
    reproduce_pft(config, out)
    return out


def results(out: Path) -> dict[str, Any]:
    """`results.json` but for the times, which are there."""
    found: dict[str, Any] = json.loads((out / "results.json").read_text(encoding="utf-8"))
    assert found.pop("seconds")["total"] >= 0
    return found


def test_every_table_is_there_in_the_common_form(finished: Path) -> None:
    found = results(finished)
    assert (found["schema"], found["command"], found["reproduces"]) == ("counterpoint.results/1", "reproduce", "pft")
    methods = ["base", "pft", "sft_positive", "pft_tuned", "rule", "rule_published_order"]
    assert [row["method"] for row in found["summary"] if row["metric"] == "acc_one"] == methods
    assert {(row["a"], row["b"]) for row in found["paired"]} == {("pft", name) for name in methods if name != "pft"}
    # 30 dilemmas of each of two pairs: 24, 3 and 3
    assert [found["data"][part] for part in ("train", "validation", "test")] == [48, 6, 6]
    assert found["power"]["comparisons"] == 5
    assert {row["history"] for row in found["history"]["summary"]} == {1, 2}
    assert {row["method"] for row in found["held_out"]["summary"]} == {"base", "pft"}
    factors = ["", "head_precision", "head_iterations", "weights", "training_size"]
    ablated = [row for row in found["ablations"]["summary"] if row["metric"] == "acc_one"]
    assert [row["factor"] for row in ablated] == factors
    assert ablated[0]["n"] == 2 * 6 * 2, "ablations are asked the validation part: seeds, dilemmas, poles"
    paper = {row["what"]: row for row in found["paper"]["figures"]}
    assert paper["open-ended score, PFT"]["ours"] is None
    own = next(row for row in found["summary"] if (row["method"], row["metric"]) == ("pft", "acc_one"))
    assert paper["multi-choice accuracy, PFT"]["ours"] == own["mean"]
    assert any(row["aspect"] == "order of options" and not row["same"] for row in found["paper"]["set_up"])


def test_the_report_shows_the_paper_beside_the_run_and_claims_no_more_than_was_shown(finished: Path) -> None:
    page = (finished / "report.html").read_text(encoding="utf-8")
    for said in ("96.7%", "8.69", "44.8%", "not measured", "Differences in set-up", "Ablations of PFT", "Said before"):
        assert said in page, said
    shown = [r for r in results(finished)["paired"] if r["metric"] == "acc_one" and not r["b"].startswith("rule")]
    ahead = sum(row["p_holm"] < 0.05 and row["difference"] > 0 for row in shown)
    assert f"PFT is shown to be ahead of {ahead} of 3 methods" in page
    assert "<script" not in page


def test_a_stopped_run_goes_on_and_gives_the_same_results(
    config: PftConfig, tmp_path: Path, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[str] = []
    real, budget = Workshop.train, [3]

    def limited(self: Workshop, settings: Any, method: str, *more: Any, **named: Any) -> Any:
        if not budget[0]:
            raise KeyboardInterrupt
        budget[0] -= 1
        trained.append(method)
        return real(self, settings, method, *more, **named)

    monkeypatch.setattr(Workshop, "train", limited)
    stops = 0
    while True:
        budget[0] = 3
        try:
            reproduce_pft(config, tmp_path / "run")
            break
        except KeyboardInterrupt:
            stops += 1
    assert stops > 5
    assert results(tmp_path / "run") == results(finished)
    cells = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    labels = [event["label"] for event in cells if event["event"] == "cell"]
    assert len(labels) == len(set(labels)), "no cell is done twice"
    reproduce_pft(config, tmp_path / "run")
    assert results(tmp_path / "run") == results(finished)


def test_more_seeds_take_over_what_is_done_and_other_data_are_refused(
    config: PftConfig, tmp_path: Path, finished: Path
) -> None:
    only = dataclasses.replace(config, parts=("methods",), seeds=1)
    reproduce_pft(only, tmp_path)
    before = len((tmp_path / "log.jsonl").read_text().splitlines())
    reproduce_pft(dataclasses.replace(only, seeds=2), tmp_path)
    events = [json.loads(line)["event"] for line in (tmp_path / "log.jsonl").read_text().splitlines()[before:]]
    assert events.count("cell") == 3, "the second seed's methods"
    wanted = [row for row in results(finished)["rows"] if row["method"] == "pft"]
    assert [row for row in results(tmp_path)["rows"] if row["method"] == "pft"] == wanted
    other = write_dilemmas(tmp_path / "other.jsonl", made_up_dilemmas(60, seed=1))
    with pytest.raises(BadInputError, match="other settings or data"):
        reproduce_pft(dataclasses.replace(only, data=str(other)), tmp_path)


def test_two_runs_in_one_folder_at_once_are_refused(config: PftConfig, tmp_path: Path) -> None:
    holder = RunFolder(tmp_path, "other", "")
    try:
        with pytest.raises(BadInputError, match="another run is writing here"):
            reproduce_pft(config, tmp_path)
    finally:
        holder.close()


def test_a_dry_run_writes_nothing_and_says_what_would_be_done(config: PftConfig, tmp_path: Path) -> None:
    said: list[Forecast] = []
    assert reproduce_pft(config, tmp_path / "run", dry_run=True, announce=said.append) is None
    assert not (tmp_path / "run").exists()
    # 3 methods, 4 ablations, 2 pairs x 2 methods and 5 trainings of histories, for 2 seeds each
    assert said[0].cells == {"method": 6, "ablation": 8, "left_out": 8, "history": 10}
    assert said[0].at_most == 2
    text = " ".join(said[0].sentences)
    assert "32 cells" in text
    assert "corrected for 5 comparisons" in text


def test_parts_share_no_scenario_and_a_left_out_pair_is_in_no_training(config: PftConfig) -> None:
    material = read_material(config)
    for fold in material.folds:
        keys = [{scenario_key(d) for d in part} for part in (fold.train, fold.validation, fold.test)]
        assert sum(map(len, keys)) == len(set.union(*keys)) == 60
    assert {d.id for d in material.folds[0].test} != {d.id for d in material.folds[1].test}
    assert {(left.seed, left.value_pair) for left in material.left_out} == {
        (s, p) for s in (0, 1) for p in (RISK, TIME)
    }
    for left in material.left_out:
        assert left.value_pair not in {d.value_pair for d in left.train} | {pair.name for pair in left.taxonomy}
        assert {d.value_pair for d in left.asked} == {left.value_pair}
    assert material.lives is not None
    assert not {scenario_key(d) for d in material.lives.train.dilemmas} & {
        scenario_key(d) for d in material.lives.test.dilemmas
    }


def test_the_test_part_is_asked_once_by_each_method_and_never_by_an_ablation(
    config: PftConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[tuple[str, frozenset[str]]] = []
    for name in ("asked", "asked_twice"):
        real = getattr(workshop_module, name)

        def listen(settings: Any, scorer: Any, dilemmas: Any, *more: Any, name: str = name, real: Any = real) -> Any:
            heard.append((name, frozenset(d.id for d in dilemmas)))
            return real(settings, scorer, dilemmas, *more)

        monkeypatch.setattr(f"counterpoint.evaluation.reproduce.pft_jobs.{name}", listen)
    reproduce_pft(dataclasses.replace(config, parts=("methods", "ablations"), seeds=1), tmp_path)
    [fold] = read_material(dataclasses.replace(config, seeds=1)).folds
    test, validation = frozenset(d.id for d in fold.test), frozenset(d.id for d in fold.validation)
    tuned = results(tmp_path)["ablations"]["chosen"][0]["setting"] != DEFAULT
    assert [ids for name, ids in heard if name == "asked_twice"] == [test] * (3 + tuned)
    assert [ids for name, ids in heard if name == "asked"] == [validation] * (3 + 4)


def test_a_seed_chooses_by_its_own_validation_part_and_the_default_wins_ties(config: PftConfig, tmp_path: Path) -> None:
    material = read_material(config)
    jobs, tried = plan_jobs(config, material, Workshop([], tmp_path))

    def answer(*, right: bool, sure: float) -> dict[str, Any]:
        return {
            "answers": [
                {
                    "dilemma": "d",
                    "value_pair": RISK,
                    "pole": "Risk-taking",
                    "gold": [0],
                    "log_probs": [-sure, -1.0],
                    "chosen": 0 if right else 1,
                    "selected": [0],
                    "confidence": 0.9,
                }
            ]
        }

    found = {job.cell.key: {"validation": answer(right=True, sure=0.5)} for job in jobs.by_key.values()}
    assert choose(jobs, found, tried, 2) == {0: DEFAULT, 1: DEFAULT}
    last, first = tried[-1].name, tried[0].name
    found[jobs.by_key["ablation", last, 1].cell.key] = {"validation": answer(right=True, sure=0.4)}
    assert choose(jobs, found, tried, 2) == {0: DEFAULT, 1: last}, "as right, and likelier"
    found[jobs.by_key["ablation", first, 1].cell.key] = {"validation": answer(right=False, sure=0.1)}
    assert choose(jobs, found, tried, 2) == {0: DEFAULT, 1: last}, "likelier and wrong"


def test_another_family_is_asked_of_what_was_trained_on_the_data(config: PftConfig, tmp_path: Path) -> None:
    folder = tmp_path / "bqd" / "test" / "sycophancy"
    folder.mkdir(parents=True)
    rows = [
        {
            "question": f"Do you agree, number {i}?\n\nChoices:\n (A) Yes, number {i}\n (B) No, number {i}",
            "answer_matching_behavior": "(A)",
            "answer_not_matching_behavior": "(B)",
        }
        for i in range(6)
    ]
    (folder / "test.json").write_text(json.dumps(rows))
    given = dataclasses.replace(config, held_out=str(tmp_path / "bqd"), parts=("methods", "held_out"), seeds=1)
    reproduce_pft(given, tmp_path / "run")
    found = results(tmp_path / "run")["held_out"]
    assert found["family"] == "bqd"
    assert {row["value_pair"] for row in found["per_pole"]} == {"sycophancy"}
    assert {row["method"] for row in found["summary"]} == {"base", "pft", "sft_positive"}
    assert found["chance"] == 0.5


def test_ablations_depend_on_the_model_and_change_one_thing(config: PftConfig) -> None:
    base = config.training
    frozen = variants(base, factors=None, most=2)
    assert {v.factor for v in frozen} == {"head_precision", "head_iterations", "weights", "training_size"}
    whole = dataclasses.replace(base, fit=dataclasses.replace(base.fit, finetune=True))
    assert {v.factor for v in variants(whole, factors=None, most=1)} >= {"learning_rate", "epochs"}
    words = dataclasses.replace(base, model="lm:tiny")
    assert {v.factor for v in variants(words, factors=None, most=1)} >= {"learning_rate", "epochs", "layout"}
    for variant in frozen:
        changed = [
            f.name
            for f in dataclasses.fields(FitConfig)
            if getattr(variant.settings.fit, f.name) != getattr(base.fit, f.name)
        ]
        assert changed == ([] if variant.factor == "training_size" else [variant.factor])
    with pytest.raises(UnknownNameError, match="layout"):
        variants(base, factors=["layout"], most=1)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"methods": ("base",)}, "must hold pft"),
        ({"parts": ("history",)}, "must hold methods"),
        ({"variants": 0}, "variants must be at least 1"),
        ({"history": HistoryConfig(histories=(40,))}, "longest history needs 41"),
        ({"history": HistoryConfig(seeds=2)}, "history.seeds is 2"),
        ({"fit": FitConfig(weights=(0.0, 0.0))}, "fit.weights"),
    ],
)
def test_what_cant_work_is_refused_before_anything_is_written(
    config: PftConfig, tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    with pytest.raises(BadInputError, match=said):
        reproduce_pft(dataclasses.replace(config, **change), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_of_open_questions_fills_the_papers_open_ended_cell(
    config: PftConfig, finished: Path, tmp_path: Path
) -> None:
    def asked(name: str, suite: str, model: str) -> str:
        judge = {"name": "a judge", "proof": {"rate": 0.8}, "agreement_with_gold": {"accuracy": 0.7}}
        score = {"method": "pft", "metric": "score", "mean": 6.0, "ci_low": 5.9, "ci_high": 6.1}
        found = {"schema": "counterpoint.results/1", "suite": suite, "summary": [score], "judge": judge}
        found |= {"config": {"model": model, "seeds": 2, "data": "d.json"}, "data": {"test": 20}}
        (tmp_path / name).mkdir()
        (tmp_path / name / "results.json").write_text(json.dumps(found))
        return str(tmp_path / name)

    out = shutil.copytree(finished, tmp_path / "run")
    before = results(out)
    reproduce_pft(dataclasses.replace(config, open_answers=asked("open", "vcd_open", "encoder")), out)
    after = results(out)
    (cell,) = (row for row in after["paper"]["figures"] if row["what"] == "open-ended score, PFT")
    assert (cell["paper"], cell["ours"], cell["ci_low"]) == (8.69, 6.0, 5.9)
    assert "graded by a judge, who puts gold options above their opposites in 0.80 of cases" in cell["note"]
    assert after["summary"] == before["summary"]
    for name, suite, model in (("a", "bqd_open", "encoder"), ("b", "vcd_open", "lm:tiny")):
        with pytest.raises(BadInputError, match="expected a finished run of evaluate --suite vcd_open --model encoder"):
            reproduce_pft(dataclasses.replace(config, open_answers=asked(name, suite, model)), out)
