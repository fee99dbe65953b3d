"""Every page is listed, and links lead somewhere."""

import re

import pytest

from tests.docs.pages import HOME, PAGES, anchors, text

PLACES = [*PAGES, HOME / "README.md"]


def test_the_index_lists_every_page():
    listed = re.findall(r"^\| \[([\w.-]+)\]\(\1\)", text("index.md"), re.M)
    assert sorted([*listed, "index.md"]) == [page.name for page in PAGES]


@pytest.mark.parametrize("page", PLACES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target
