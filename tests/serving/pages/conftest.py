"""The demo's service, run for real, and visitors who look at it: in Chromium, or over plain HTTP."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from starlette.responses import Response

from counterpoint.serving.demo import TENANT, Demo, demo_settings, open_demo
from counterpoint.serving.doors.sessions import COOKIE, Visitor
from counterpoint.serving.store.records import NewEvent, Principal, Scope
from counterpoint.types import ChoiceKind
from serving.served import Running, running, settings_for

CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE = 30_000.0
"""Milliseconds to wait for what must come; for busy machines."""
_numbers = count(1)

Visit = Callable[..., Page]
Http = Callable[..., httpx.Client]


@pytest.fixture(scope="package")
def demo(tmp_path_factory: pytest.TempPathFactory, embedding_cache: Path) -> Demo:
    """The demo's people, dilemmas and encoder, in a database of its own."""
    del embedding_cache
    return open_demo(demo_settings(settings_for(tmp_path_factory.mktemp("demo"))))


@pytest.fixture(scope="package")
def site(demo: Demo) -> Iterator[Running]:
    """The demo, listening."""
    with running(demo.service) as served:
        yield served


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """A headless browser; gone after these tests, because it holds the main thread's event loop."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed on this machine")
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visit(demo: Demo, site: Running, chromium: Browser) -> Iterator[Visit]:
    """Opens a page as somebody: `visit("ann")`, `visit()` for the operator, `visit(signed_in=False)` for nobody yet.

    After the test nothing may stand in any console: no error, no warning, nothing the security policy had to block.
    """
    contexts: list[BrowserContext] = []
    heard: list[str] = []

    def opened(
        person: str = "",
        *,
        signed_in: bool = True,
        width: int = 1280,
        scheme: str = "light",
        script: bool = True,
        refused: bool = False,
    ) -> Page:
        options: dict[str, Any] = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}
        context = chromium.new_context(**options, base_url=site.url, java_script_enabled=script, accept_downloads=True)
        contexts.append(context)
        context.set_default_timeout(PATIENCE)
        if signed_in:
            context.add_cookies([{"name": COOKIE, "value": session_of(demo, person), "url": site.url}])
        page = context.new_page()
        # Chromium writes a line about every page that comes with 4xx; `refused` says that there will be some
        page.on(
            "console",
            lambda said: (refused and "a status of 4" in said.text) or heard.append(f"{said.type}: {said.text}"),
        )
        page.on("pageerror", lambda error: heard.append(str(error)))
        return page

    yield opened
    for context in contexts:
        context.close()
    assert heard == []


@pytest.fixture
def http(demo: Demo, site: Running) -> Iterator[Http]:
    """A visitor without a browser; takes what `visit` takes."""
    clients: list[httpx.Client] = []

    def opened(person: str = "", *, signed_in: bool = True) -> httpx.Client:
        cookies = {COOKIE: session_of(demo, person)} if signed_in else {}
        clients.append(httpx.Client(base_url=site.url, cookies=cookies, timeout=30))
        return clients[-1]

    yield opened
    for client in clients:
        client.close()


@pytest.fixture
def somebody(demo: Demo) -> str:
    """A person of their own for each test, who has answered three questions."""
    name = f"Somebody {next(_numbers)}"
    answer(demo, name, 3)
    return name


@pytest.fixture
def newcomer() -> str:
    """A name nobody has yet."""
    return f"Newcomer {next(_numbers)}"


@pytest.fixture(scope="package")
def who(demo: Demo) -> Principal:
    """As whom tests look into the store."""
    return Principal(TENANT, demo.operator.key, frozenset(Scope))


def answer(demo: Demo, name: str, times: int, *, option: int = 0) -> None:
    """Let somebody take the same place in so many dilemmas, a minute apart."""
    questions = demo.service.people.bank.questions[:times]
    begun = demo.service.store.clock() - 3600.0
    events = [
        NewEvent(ChoiceKind.CHOSE, f"e{i}", begun + 60 * i, question.dilemma.digest, ((option,),))
        for i, question in enumerate(questions)
        if question.dilemma is not None
    ]
    demo.service.people.record(Principal(TENANT, demo.operator.key), name, events)


def session_of(demo: Demo, person: str) -> str:
    """A session's token as the sign-in gives it."""
    return demo.service.sessions.open(Response(), Visitor(TENANT, demo.operator.key, person))


def csrf_of(demo: Demo, client: httpx.Client) -> str:
    """What this visitor's forms bring along."""
    return demo.service.sessions.csrf(client.cookies.get(COOKIE, ""))
