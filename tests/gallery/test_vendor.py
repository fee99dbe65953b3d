"""The libraries that the page inlines are those of versions.json, with their licences."""

import hashlib
import json

from prunegrid.gallery.assets import FILES, inlined

VENDOR = FILES[1].parent


def test_files_are_those_of_the_registry():
    told = json.loads((VENDOR / "versions.json").read_text())
    expected = {name: one["sha256"] for package in told.values() for name, one in package["files"].items()}
    found = {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in VENDOR.iterdir()
        if file.name != "versions.json"
    }
    assert found == expected
    assert {package["licence"] for package in told.values()} == {"MIT"}
    version = told["datatables.net"]["version"]
    assert f"DataTables {version}" in (VENDOR / "dataTables.min.js").read_text()[:100]


def test_the_licence_stands_on_the_page_and_no_script_is_ended_early():
    html = inlined()
    assert "The MIT License" in html
    assert html.count("</script") == html.count("<script>\n") == 2
    # After it, a `<script` within a script would count.
    assert "<!--" not in html
