"""Every page is listed, and links and citations lead somewhere."""

import re

import pytest

from tests.docs.pages import DOCS, HOME, PAGES, anchors, text

PLACES = [*PAGES, HOME / "README.md"]
CITING = [
    file
    for folder in ("src", "workflow", "tests")
    for file in (HOME / folder).rglob("*")
    if file.suffix in (".py", ".smk", ".yaml") and file.parent.name != "docs"
]


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


def test_citations_in_code_name_a_page_and_a_section_of_it():
    cited = {}
    for file in CITING:
        for page, headings in re.findall(
            r"docs/([\w-]+\.md)(?:, ([A-Z][\w ]+?))?(?=[).:;]|$)", file.read_text(encoding="utf-8"), re.M
        ):
            cited.setdefault(page, set()).update(filter(None, headings.split(" and ")))
    assert "definitions.md" in cited
    for page, headings in cited.items():
        known = {heading.lower().replace(" ", "-") for heading in headings}
        assert known <= anchors(DOCS / page), page
