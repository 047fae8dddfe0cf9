"""What `reproduce aloe` talks with: the suite's clients and worlds, in the run's folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from counterpoint.cli.aloe_clients import Clients
from counterpoint.cli.evaluate_aloe import Players, leaving_with_130, setting_of
from counterpoint.cli.evaluate_options import Options
from counterpoint.evaluation.reproduce.aloe import Asking, World
from counterpoint.evaluation.reproduce.aloe_config import AloePaperConfig
from counterpoint.evaluation.suites.aloe import AloeConfig
from counterpoint.runlog import RunFolder
from counterpoint.training.lm.conversation_recipe import TOY


@contextmanager
def asking(config: AloePaperConfig, folder: RunFolder) -> Iterator[Asking]:
    """Clients whose answers are kept and paid for once; open while talks are held."""
    toy = config.data == TOY and config.people is None
    options = Options(
        suite="aloe",
        out=Path(folder.path),
        data=config.people,
        model=config.model,
        train=None if config.data == TOY else config.data,
        as_json=True,
    )
    with Clients(folder.path, config.asking) as clients, leaving_with_130(clients):
        opened: list[Players] = []

        def world(settings: AloeConfig) -> World:
            setting = setting_of(options, settings, toy=toy)
            if toy or not opened:  # a judge is proved once; the toy world's people know how long they talk
                opened.append(setting.open(clients, folder, lambda _: None))
            return World(setting.people, *opened[-1])

        yield Asking(world, clients.model, clients.run, clients.uninterrupted)
