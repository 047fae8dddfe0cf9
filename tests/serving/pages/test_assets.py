"""Files of the pages: named by content, from installed packages, and nothing else to be had."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys

import pytest

from counterpoint.serving.demo import Demo
from counterpoint.serving.pages import assets
from serving.pages.conftest import Http


def test_htmx_is_the_installed_packages_file_and_django_is_not_imported() -> None:
    code = (
        "import sys; from counterpoint.serving.pages.assets import htmx_script; p = htmx_script(); "
        "assert 'django' not in sys.modules and 'django_htmx' not in sys.modules; print(p)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip().endswith("htmx-2.min.js")
    assert b"htmx" in assets.assets()["htmx.js"].content


@pytest.mark.parametrize("name", ["pages.css", "pages.js", "htmx.js", "icon.svg"])
def test_files_may_be_kept_for_ever_because_their_address_says_their_content(http: Http, name: str) -> None:
    got = http(signed_in=False).get(assets.address(name))
    assert got.status_code == 200
    assert got.headers["cache-control"] == assets.FOREVER
    assert hashlib.sha256(got.content).hexdigest().startswith(assets.address(name).rpartition("=")[2])
    assert http(signed_in=False).get(f"/static/{name}?v=other").headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("name", ["..%2f..%2frouter.py", "base.html", "pages.css%00", "secrets"])
def test_nothing_else_is_served(http: Http, name: str) -> None:
    assert http(signed_in=False).get(f"/static/{name}").status_code == 404


def test_pages_load_nothing_from_elsewhere_and_have_nothing_inline(http: Http, demo: Demo) -> None:
    client = http(demo.person.person)
    for path in ("/person", "/person/interview", "/person/corrections", "/person/side-by-side", "/person/data"):
        got = client.get(path)
        policy = got.headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy
        loaded = re.findall(r'(?:src|href)="([^"]+)"', got.text)
        assert all(address.startswith(("/", "#")) for address in loaded)
        assert not re.search(r"<style|style=|<script>|\son[a-z]+=|hx-on|javascript:", got.text)
        assert got.headers["cache-control"] == "no-store"


def test_htmx_may_neither_evaluate_nor_write_styles_nor_keep_pages() -> None:
    config = json.loads(assets.HTMX_CONFIG)
    assert not config["allowEval"]
    assert not config["allowScriptTags"]
    assert not config["includeIndicatorStyles"]
    assert (config["historyEnabled"], config["historyCacheSize"]) == (False, 0)
