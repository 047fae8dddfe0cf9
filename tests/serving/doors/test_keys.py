"""Keys open the API and nothing else does; a key that comes too often waits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from counterpoint.serving.store import keys
from serving.served import Running, running, settings_for, small_service


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Running]:
    """A service that forgets keys at once."""
    with running(small_service(settings_for(tmp_path, pages=False))) as found:
        yield found


def _get(served: Running, authorization: str | None, path: str = "/v1/models") -> httpx.Response:
    headers = {} if authorization is None else {"authorization": authorization.encode()}
    return httpx.get(served.url + path, headers=headers)


def test_only_a_good_key_opens(served: Running) -> None:
    good = served.key()
    assert _get(served, f"Bearer {good}").status_code == 200
    assert _get(served, f"bearer  {good}").status_code == 200
    wrong = [
        "",
        "Bearer",
        f"Basic {good}",
        good,
        f"Bearer {good}x",
        f"Bearer {good[:-1]}",
        "Bearer é",
        f"Bearer {'x' * 999}",
    ]
    for told in (None, *wrong):
        answer = _get(served, told)
        assert answer.status_code == 401, told
        assert answer.headers["www-authenticate"] == "Bearer"
    assert _get(served, f"Bearer {served.key(lasts=-1.0)}").status_code == 401


def test_a_rotated_key_works_until_its_overlap_ends_and_a_revoked_one_not_at_all(served: Running) -> None:
    store = served.service.store
    first = keys.issue(store, "acme", "first", ())
    second = keys.rotate(store, "acme", first.key.id, overlap=1000.0)
    third = keys.rotate(store, "acme", second.key.id, overlap=0.0)
    statuses = {name: _get(served, f"Bearer {one.secret}").status_code for name, one in
                (("first", first), ("second", second), ("third", third))}  # fmt: skip
    assert statuses == {"first": 403, "second": 401, "third": 403}  # known, unknown, known: none may chat
    keys.revoke(store, "acme", third.key.id)
    assert _get(served, f"Bearer {third.secret}").status_code == 401


def test_health_needs_no_key_and_everything_under_v1_does(served: Running) -> None:
    for path in ("/healthz", "/readyz", "/metrics", "/openapi.json"):
        assert _get(served, None, path).status_code == 200
    for path in ("/v1/users", "/v1/nothing", "/v1/users/ann/preferences"):
        assert _get(served, None, path).status_code == 401
    assert _get(served, None, "/nothing").status_code == 404


def test_a_key_is_asked_for_before_a_body_is_read(served: Running) -> None:
    answer = httpx.post(f"{served.url}/v1/chat/completions", content=b"x" * 5_000_000)
    assert answer.status_code == 401


def test_a_key_that_comes_too_often_is_told_when_to_come_again(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, pages=False, rate=0.5, burst=3)
    with running(small_service(settings)) as served, served.client() as client, served.client() as other:
        answers = [client.get("/v1/models") for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert [answer.headers["x-ratelimit-remaining-requests"] for answer in answers[:3]] == ["2", "1", "0"]
        assert answers[3].json()["error"]["type"] == "rate_limit_error"
        assert 1 <= int(answers[3].headers["retry-after"]) <= 2
        assert other.get("/v1/models").status_code == 200


def test_a_key_found_good_is_not_looked_up_again_for_a_moment(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, pages=False, key_cache=60)
    with running(small_service(settings)) as served:
        issued = keys.issue(served.service.store, "acme", "short", ())
        authorization = f"Bearer {issued.secret}"
        assert _get(served, authorization).status_code == 403
        keys.revoke(served.service.store, "acme", issued.key.id)
        assert _get(served, authorization).status_code == 403
