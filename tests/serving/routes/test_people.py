"""What the routes about people take, refuse and write down."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import pytest

from counterpoint.serving.store.records import Scope
from serving.served import Running, running, settings_for, small_service

SAID = {"kind": "said", "pole": "Daring", "strength": 2}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service."""
    settings = settings_for(
        tmp_path_factory.mktemp("routes"), pages=False, max_batch=5, public_url="https://me.example"
    )
    with running(small_service(settings)) as found:
        yield found


@pytest.fixture
def client(served: Running) -> Iterator[httpx.Client]:
    """HTTP with a key for everything."""
    with served.client() as client:
        yield client


def _code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


@pytest.mark.parametrize(
    "event",
    [
        {"kind": "chose", "dilemma": "d1", "groups": [[0]]},
        {"kind": "chose_several", "dilemma": "d2", "groups": [[0, 1]]},
        {"kind": "ranked", "dilemma": "d3", "groups": [[1], [0]]},
        {"kind": "tied", "dilemma": "d4"},
        {"kind": "skipped", "dilemma": "d5"},
        {"kind": "liked", "texts": ["leap fast"]},
        {"kind": "disliked", "dilemma": "d6", "groups": [[1]]},
        {"kind": "edited", "texts": ["guard it", "leap at it"]},
        {"kind": "said", "pole": "Daring"},
        {"kind": "retracted", "target": "e0"},
    ],
)
def test_every_kind_of_event_is_taken(client: httpx.Client, event: dict[str, object]) -> None:
    answer = client.post("/v1/users/all-kinds/events", json={"events": [{**event, "time": "2026-03-01T10:00:00Z"}]})
    assert answer.status_code == 201, answer.text
    assert answer.json()["added"] == 1


def test_one_bad_event_refuses_the_batch_and_every_fault_is_told(client: httpx.Client) -> None:
    events = [SAID, {"kind": "chose", "dilemma": "d999", "groups": [[0]]}, {"kind": "said", "pole": "Sleepy"}]
    answer = client.post("/v1/users/batch/events", json={"events": events})
    assert answer.status_code == 400
    assert "d999" in answer.json()["error"]["message"]
    assert "Sleepy" in answer.json()["error"]["message"]
    assert client.get("/v1/users/batch/preferences").status_code == 404


def test_more_events_than_allowed_are_too_many(client: httpx.Client) -> None:
    assert _code(client.post("/v1/users/many/events", json={"events": [SAID] * 6})) == (413, "batch_too_large")


def test_an_idempotency_key_applies_a_body_once_and_is_for_one_body_alone(client: httpx.Client) -> None:
    headers = {"Idempotency-Key": "k-1"}
    first = client.post("/v1/users/idem/events", json={"events": [SAID]}, headers=headers)
    again = client.post("/v1/users/idem/events", json={"events": [SAID]}, headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert (first.json()["added"], again.json()["added"], again.json()["repeated"]) == (1, 0, 1)
    assert again.json()["events"] == first.json()["events"]
    assert client.get("/v1/users/idem/preferences").json()["observations"] == 1
    other = client.post("/v1/users/idem/events", json={"events": [SAID, SAID]}, headers=headers)
    assert _code(other) == (409, "conflict")


@pytest.mark.parametrize("name", ["ann@example.org", "Zoë 桶", "a b", "x" * 200, "%41", "..x", "?&#+"])
def test_names_of_many_kinds_name_one_person_each(client: httpx.Client, name: str) -> None:
    where = f"/v1/users/{quote(name, safe='')}"
    assert client.post(f"{where}/events", json={"events": [SAID]}).status_code == 201
    assert client.get(f"{where}/preferences").json()["person"] == name
    listed = [one["person"] for one in client.get("/v1/users", params={"limit": 1000}).json()["people"]]
    assert listed.count(name) == 1


@pytest.mark.parametrize("name", ["a\x00b", "a\nb", "x" * 201, "a\u2028b", "%FF"])
def test_names_that_no_database_or_log_should_hold_are_refused(client: httpx.Client, name: str) -> None:
    where = name if name.startswith("%") else quote(name, safe="")
    assert client.post(f"/v1/users/{where}/events", json={"events": [SAID]}).status_code == 400


def test_texts_with_nul_or_half_a_character_are_refused(client: httpx.Client) -> None:
    for text in ('"a\\u0000b"', '"\\ud800"'):
        body = f'{{"events": [{{"kind": "liked", "texts": [{text}]}}]}}'
        answer = client.post("/v1/users/nul/events", content=body, headers={"content-type": "application/json"})
        assert _code(answer) == (400, "invalid_value")


def test_a_persons_own_word_counts_until_it_is_withdrawn(client: httpx.Client) -> None:
    where = "/v1/users/word/preferences"
    assert client.put(f"{where}/Risk", json={"value": 2}).json()["value_pairs"][0]["corrected"] == 2.0
    assert client.delete(f"{where}/Risk").json()["value_pairs"][0]["corrected"] is None
    assert client.delete(f"{where}/Risk").status_code == 200
    assert _code(client.put(f"{where}/Luck", json={"value": 1})) == (404, "unknown_name")
    assert _code(client.put(f"{where}/Risk", json={"value": 6})) == (400, "invalid_value")
    assert client.put(f"{where}/Risk", content="NaN", headers={"content-type": "application/json"}).status_code == 400


def test_preferences_as_of_a_moment_leave_out_what_came_later(client: httpx.Client) -> None:
    for day, pole in (("01", "Daring"), ("03", "Careful")):
        event = {**SAID, "pole": pole, "time": f"2026-03-{day}T00:00:00Z"}
        assert client.post("/v1/users/past/events", json={"events": [event]}).status_code == 201
    then = client.get("/v1/users/past/preferences", params={"as_of": "2026-03-02"}).json()
    assert (then["observations"], then["as_of"]) == (1, "2026-03-02T00:00:00Z")
    assert then["value_pairs"][0]["mean"] > 0
    assert client.get("/v1/users/past/preferences").json()["observations"] == 2
    assert client.get("/v1/users/past/preferences", params={"as_of": "soon"}).status_code == 400


def test_reasons_name_the_events_a_leaning_rests_on(client: httpx.Client) -> None:
    event = {"kind": "chose", "dilemma": "d1", "groups": [[0]], "id": "first"}
    client.post("/v1/users/why/events", json={"events": [event]})
    reasons = client.get("/v1/users/why/reasons", params={"value_pair": "Risk"}).json()["value_pairs"]
    assert [one["event"] for one in reasons["Risk"]] == ["first"]
    assert reasons["Risk"][0]["push"] > 0


def test_a_link_lets_its_person_in(served: Running, client: httpx.Client) -> None:
    made = client.post("/v1/users/ann/link", json={"seconds": 60}).json()
    assert made["url"].startswith("https://me.example/link?")
    token = parse_qs(urlsplit(made["url"]).query)["token"][0]
    visitor = served.service.sessions.enter(token)
    assert (visitor.tenant, visitor.person) == ("acme", "ann")
    with served.client(Scope.READ, Scope.WRITE) as other:
        assert other.post("/v1/users/ann/link").status_code == 403


def test_the_audit_trail_says_who_read_and_changed_what(client: httpx.Client) -> None:
    client.post("/v1/users/watched/events", json={"events": [SAID]}, headers={"X-Request-ID": "my-request.1"})
    client.get("/v1/users/watched/preferences")
    lines = client.get("/v1/audit", params={"person": "watched"}).json()["lines"]
    assert [line["what"] for line in lines] == ["events added", "preferences read"]
    assert lines[0]["request"] == "my-request.1"
    assert all(line["whose"] and "watched" not in line["whose"] for line in lines)


@pytest.mark.parametrize(
    ("method", "path", "needed"),
    [
        ("GET", "/v1/users", Scope.READ),
        ("GET", "/v1/users/ann/preferences", Scope.READ),
        ("GET", "/v1/users/ann/export", Scope.READ),
        ("POST", "/v1/users/ann/events", Scope.WRITE),
        ("PUT", "/v1/users/ann/preferences/Risk", Scope.WRITE),
        ("DELETE", "/v1/users/ann/preferences/Risk", Scope.WRITE),
        ("DELETE", "/v1/users/ann", Scope.DELETE),
        ("POST", "/v1/chat/completions", Scope.CHAT),
        ("GET", "/v1/models", Scope.CHAT),
        ("GET", "/v1/audit", Scope.ADMIN),
    ],
)
def test_each_route_needs_its_scope_and_no_other_will_do(
    served: Running, method: str, path: str, needed: Scope
) -> None:
    others = tuple(scope for scope in Scope if scope not in (needed, Scope.ADMIN))
    with served.client(*others) as client:
        answer = client.request(method, path, json={} if method in ("POST", "PUT") else None)
        assert _code(answer) == (403, "insufficient_scope")
        assert needed.value in answer.json()["error"]["message"]
    assert httpx.request(method, served.url + path).status_code == 401
