"""`counterpoint evaluate --suite aloe`: who talks with whom and who grades, from options to a run and its table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from counterpoint.authoring.calls import RunStoppedError
from counterpoint.authoring.llm import url_and_model
from counterpoint.cli.aloe_clients import Clients
from counterpoint.cli.aloe_models import contestants, fingerprint, is_toy
from counterpoint.cli.compare import announcer
from counterpoint.cli.evaluate_options import Options
from counterpoint.cli.progress import progress_bar
from counterpoint.cli.survivor import divide
from counterpoint.cli.told import estimate, tell
from counterpoint.config import resolve, to_toml
from counterpoint.data.conversations import Persona, load_conversations
from counterpoint.errors import BadInputError
from counterpoint.evaluation.aloe.counting import GAIN, LABELS, RATE, at
from counterpoint.evaluation.aloe.grading import Grader, JudgedReplies
from counterpoint.evaluation.aloe.people import check_held_out, load_people
from counterpoint.evaluation.aloe.players import HintedWriter, PersonaUser
from counterpoint.evaluation.aloe.proof import Proof, prove, written_pairs
from counterpoint.evaluation.aloe.talks import User
from counterpoint.evaluation.judging.opening import ENCODER, open_judge
from counterpoint.evaluation.progress import Report, Stage
from counterpoint.evaluation.suites.aloe import AloeConfig, Contender, check, identity, run_aloe
from counterpoint.runlog import RunFolder

TOY = "toy"
"""What `--data` says for the toy world."""

LETTER = 8
"""Tokens of a reply in the toy world at most, where one and an end are wanted; an untrained model goes on and on."""


class Players(NamedTuple):
    """Who plays the people and who grades."""

    user: User
    grader: Grader
    proof: Proof | None
    """Of the grader, where there was one."""


def run(options: Options) -> None:
    """Run the suite, write its numbers and print its table. The same command goes on where a stopped run was.

    Raises:
        BadInputError: an option can't work, or the judge can't grade.
        RunStoppedError: nothing more can be asked (the cap, the endpoint).
    """
    flags = {"judge": {"who": options.judge}} if options.judge else {}
    config = resolve(AloeConfig, sets=options.sets, flags=flags)
    check(config)
    models = contestants(options.model, options.material)
    toy = options.data == TOY or (options.data is None and is_toy(options.model))
    if toy:
        config = replace(config, max_tokens=min(config.max_tokens, LETTER))
    if any(map(url_and_model, (config.user, config.judge.who, *(c.model for c in models)))):
        divide()  # before anything heavy is loaded
    with ExitStack() as stack:
        report = stack.enter_context(progress_bar(quiet=options.as_json))
        report(Stage("reading the cases", 0.0))
        setting = setting_of(options, config, toy=toy)
        folder = RunFolder(options.out, identity(config, setting.people), to_toml(config))
        stack.callback(folder.close)
        clients = stack.enter_context(Clients(options.out, config))
        stack.enter_context(leaving_with_130(clients))
        user, grader, proof = setting.open(clients, folder, report)
        contenders = [
            Contender(c.method, c.seed, fingerprint(c.model), partial(clients.model, c.model)) for c in models
        ]
        results = run_aloe(
            setting.people,
            user,
            grader,
            contenders,
            config,
            folder=folder,
            run=clients.run,
            guard=clients.uninterrupted,
            proof=proof,
            announce=announcer(quiet=options.as_json),
            report=report,
        )
        results["config"] |= {
            "data": options.data or TOY,
            "model": options.model,
            "models": [c._asdict() for c in models],
        }
        folder.write_json("results.json", results)
    where = {"Numbers": options.out / "results.json", "Talks": options.out / "predictions.jsonl"}
    tell(results["summary"], partial(print_aloe, results), as_json=options.as_json, **where)


@contextmanager
def leaving_with_130(clients: Clients) -> Iterator[None]:
    """A run that a signal stopped ends as shells expect it."""
    try:
        yield
    except RunStoppedError:
        if clients.interrupted:
            raise SystemExit(130) from None
        raise


def setting_of(options: Options, config: AloeConfig, *, toy: bool) -> ToySetting | WrittenSetting:
    """Who talks, and how it is graded."""
    return ToySetting(config) if toy else WrittenSetting(options, config)


class ToySetting:
    """The toy world's people, who play and grade themselves."""

    def __init__(self, config: AloeConfig) -> None:
        from counterpoint.evaluation.aloe.toy import ToyWorld
        from counterpoint.training.lm.toy_conversations import cases

        if config.user or config.judge.who:
            raise BadInputError("the toy world plays its own people and grades itself; leave out user and judge")
        self.world = ToyWorld(cases(config.cases, turns=config.turns, seed=f"aloe {config.seed}"))
        self.people: Sequence[Persona] = self.world.people

    def open(self, clients: Clients, folder: RunFolder, report: Report) -> Players:  # noqa: ARG002
        """Its grader must give right replies 5 and wrong ones 1, at every turn of every case."""
        proof = prove(self.world, self.world.known(right=True), self.world.known(right=False), exact=True)
        return Players(self.world, self.world, proof)


class WrittenSetting:
    """People of a file, played and graded by models."""

    def __init__(self, options: Options, config: AloeConfig) -> None:
        if options.data is None:
            raise BadInputError("--suite aloe needs --data: a file of personas, or a folder of profiles, personalities")
        for option, who in (("--set user=", config.user), ("--judge ", config.judge.who)):
            if not who:
                raise BadInputError(f"--suite aloe needs {option}URL#MODEL or lm:... for these people")
        if config.judge.who == ENCODER:
            raise BadInputError(
                "--judge encoder grades by poles, and can't tell what suits a person; give lm:... or URL#MODEL"
            )
        self.config = config
        self.people: Sequence[Persona] = load_people(
            Path(options.data),
            cases=config.cases,
            profiles=config.profiles,
            personalities=config.personalities,
            seed=config.seed,
        )
        if options.train is not None:
            check_held_out(self.people, [talk.persona for talk in load_conversations(options.train)])

    def open(self, clients: Clients, folder: RunFolder, report: Report) -> Players:
        """The judge must like replies for somebody better than replies for somebody else."""
        config = self.config
        player = clients.client(config.user, "user")
        user = PersonaUser(player)
        grader = JudgedReplies(open_judge(config.judge, folder=folder.path), config.judge.repeats)
        if not config.proof:
            return Players(user, grader, None)
        report(Stage("proving the judge", 0.0))
        writing = written_pairs(self.people, user, HintedWriter(player), count=config.proof, seed=config.seed)
        good, bad = clients.run(writing)
        with clients.uninterrupted():
            return Players(user, grader, prove(grader, good, bad, exact=False))


def print_aloe(results: Mapping[str, Any], console: Console) -> None:
    """AL by turn for every method, its lines, and what differs from the base."""
    turns = results["config"]["turns"]
    found = {(row["method"], row["metric"]): row for row in results["summary"]}
    table = Table(title="How well replies suit the person, 1 to 5, by turn", title_justify="left")
    table.add_column("method")
    shown = [turn for turn in range(1, turns + 1) if turn in (1, turns) or turn % max(1, turns // 5) == 0]
    for turn in shown:
        table.add_column(str(turn), justify="right")
    for title in ("last - first", "IR"):
        table.add_column(title, justify="right")
    methods = list(dict.fromkeys(row["method"] for row in results["summary"]))
    for method in methods:
        cells = [_number(found[method, at(turn)]) for turn in shown]
        table.add_row(LABELS.get(method, method), *cells, *(estimate(found[method, m]) for m in (GAIN, RATE)))
    console.print(table)
    console.print("  95% intervals over cases", style="dim")
    for row in results["relative"]:
        if row["turn"] is None and row["mean"] is not None:
            label = LABELS.get(row["method"], row["method"])
            said = f"  {label}: {row['mean']:+.1%} ({row['ci_low']:+.1%} to {row['ci_high']:+.1%}) over the base"
            console.print(
                f"{said}, mean over turns; ALOE's paper has +32.0%, in another set-up", highlight=False, soft_wrap=True
            )
    for row in results["paired"]:
        if row["metric"] == GAIN and row["difference"] is not None:
            low, high = row["ci_low"], row["ci_high"]
            said = f"last - first, difference {row['difference']:+.2f} ({low:+.2f} to {high:+.2f})"
            console.print(
                f"  {row['verdict']}: {said}, corrected p = {row['p_holm']:.3g}", highlight=False, soft_wrap=True
            )
    if results["failures"]:
        console.print(f"  {len(results['failures'])} failures, left out of every mean: see results.json")


def _number(row: Mapping[str, Any]) -> str:
    return "-" if row["mean"] is None else f"{row['mean']:.2f}"
