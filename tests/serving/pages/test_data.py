"""Export and deletion: the file imports again, nobody is deleted by mistake, and the receipt is signed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import expect

from counterpoint.serving.demo import Demo
from counterpoint.serving.store.records import PersonDeletedError, Principal
from counterpoint.serving.store.vault import verify
from serving.pages.conftest import Http, Visit, answer, csrf_of


@pytest.mark.parametrize("width", [1280, 390])
def test_the_file_that_is_downloaded_is_everything_held(
    visit: Visit, demo: Demo, who: Principal, somebody: str, width: int, tmp_path: Path
) -> None:
    page = visit(somebody, width=width)
    page.goto("/person/data")
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Download everything").click()
    waiting.value.save_as(tmp_path / "export.json")
    assert waiting.value.suggested_filename == f"{somebody}.json"
    document = json.loads((tmp_path / "export.json").read_text())
    held = demo.service.people.export(who, somebody)
    assert {**held, "exported": 0, "audit": 0} == {**document, "exported": 0, "audit": 0}
    assert len(document["events"]) == 3


@pytest.mark.parametrize(("width", "script"), [(1280, True), (390, True), (1280, False)])
def test_deletion_takes_the_name_to_confirm_and_gives_a_receipt_that_verifies(
    visit: Visit, demo: Demo, who: Principal, somebody: str, width: int, script: bool, tmp_path: Path
) -> None:
    bystander = f"{somebody} too"
    answer(demo, bystander, 1)
    page = visit(somebody, width=width, script=script, refused=True)
    page.goto("/person/data")
    page.get_by_label("To confirm").fill("somebody else")
    with page.expect_response("**/person/deletion") as refused:
        page.get_by_role("button", name="Delete me").click()
    assert refused.value.status == 422
    expect(page.get_by_text("Nothing was deleted").first).to_be_visible()
    assert demo.service.people.preferences(who, somebody).sequence == 3

    page.get_by_label("To confirm").fill(somebody)
    page.get_by_role("button", name="Delete me").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Deleted")
    expect(page.get_by_role("row", name="Events 3")).to_be_visible()
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Download the receipt").click()
    waiting.value.save_as(tmp_path / "receipt.json")
    receipt = json.loads((tmp_path / "receipt.json").read_text())
    assert verify(receipt, public_key=demo.service.store.vault.public_key)
    assert receipt["rows"]["events"] == 3
    with pytest.raises(PersonDeletedError):
        demo.service.people.preferences(who, somebody)
    assert demo.service.people.preferences(who, bystander).sequence == 1


def test_pages_of_somebody_deleted_say_so_and_lead_to_the_receipt(
    http: Http, demo: Demo, who: Principal, somebody: str
) -> None:
    demo.service.people.delete(who, somebody)
    client = http(somebody)
    for path in ("/person", "/person/interview", "/person/corrections", "/person/data", "/person/export"):
        gone = client.get(path)
        assert gone.status_code == 410, path
        assert "/person/receipt" in gone.text
    assert client.get("/person/receipt").status_code == 200


def test_reading_a_receipt_never_deletes(http: Http, demo: Demo, who: Principal, somebody: str) -> None:
    assert http(somebody).get("/person/receipt").status_code == 404
    assert http(somebody).get("/person/receipt.json").status_code == 404
    assert demo.service.people.preferences(who, somebody).sequence == 3


def test_a_name_with_anything_in_it_can_be_exported(http: Http, demo: Demo) -> None:
    name = 'Zoë "Z" / ../x\\y; filename=evil.exe'
    answer(demo, name, 1)
    got = http(name).get("/person/export")
    assert got.status_code == 200
    assert got.json()["person"] == name
    assert got.headers["content-disposition"].startswith('attachment; filename="Zo__')
    assert csrf_of(demo, http(name)) != csrf_of(demo, http("another"))
