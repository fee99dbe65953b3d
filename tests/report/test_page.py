"""The whole page: findings first, models apart; in Chromium: no wider than a phone, dark, in print."""

import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from prunegrid.report.side_by_side import side_by_side
from prunegrid.report.write import write_report

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
NOT_RUN = "NO CHROMIUM, OR NO PLAYWRIGHT, HERE: the page was not looked at in a browser"
PHONE = 420


@pytest.fixture(scope="module")
def page():
    if CHROMIUM is None:
        pytest.skip(NOT_RUN)
    api = pytest.importorskip("playwright.sync_api", reason=NOT_RUN)
    with api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium.new_page()
        chromium.close()


def test_findings_come_before_tables_and_full_tables_are_folded(study) -> None:
    text = (study.folder / "report.html").read_text()
    order = [
        '<h2 id="m0-0-h">Findings',
        'ul class="findings"',
        'class="compact',
        "The strategy table in full",
    ]
    places = [text.index(part) for part in order]
    assert places == sorted(places)
    assert "<summary>The strategy table in full</summary>" in text


def test_several_models_have_their_findings_first(study, tmp_path) -> None:
    models = [{"name": name, "tables": study.tables, "figures": study.figures} for name in ("a", "b<i>")]
    write_report(models, tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text()
    headings = re.findall(r"<h2[^>]*>(.*?)</h2>", text)
    assert headings[:2] == ["a: Findings", "b&lt;i&gt;: Findings"]
    assert headings[2:4] == ["Models side by side", "a: Where and how much: strategies"]
    assert headings.count("b&lt;i&gt;: Which tokens: criteria") == 1
    assert len(set(re.findall(r'<section id="([^"]+)"', text))) == len(headings)


def test_several_models_stand_side_by_side(study) -> None:
    one, other = ({"name": name, "tables": study.tables} for name in ("a", "b<i>"))
    text = side_by_side([one, other])
    effects = pd.read_csv(study.tables / "main_effects.csv").set_index(["axis", "name"])
    uniform = effects.loc[("strategy", "uniform")]
    (row,) = re.findall(r'<tr role="row"><th[^>]*>uniform</th>(.*?)</tr>', text)
    assert re.findall(r'data-label="([^"]+)"', row) == ["a", "b&lt;i&gt;"]
    assert row.count(f"<span>{100 * uniform['value']:.1f}<small>") == 2
    assert row.count(f"\N{MINUS SIGN}{-100 * uniform['difference']:.1f}") == 2
    assert "<small>reference</small>" in re.findall(r"hierarchical</th>(.*?)</tr>", text)[0]
    assert "easy<small>accuracy" in text


def test_figures_have_names_for_readers(study) -> None:
    text = (study.folder / "report.html").read_text()
    assert text.count("<svg ") == text.count('<svg role="img" aria-label="')


@pytest.mark.parametrize("width", [PHONE, 1400])
def test_nothing_is_wider_than_the_window(page, study, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.goto((study.folder / "report.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for table in page.query_selector_all("table.compact"):
        assert table.bounding_box()["width"] <= width
        assert table.evaluate("e => e.scrollWidth <= e.clientWidth + 1")
        assert table.query_selector(".value").is_visible()


def test_numbers_do_not_overlap_on_a_phone(page, study) -> None:
    page.set_viewport_size({"width": PHONE, "height": 900})
    page.goto((study.folder / "report.html").as_uri())
    overlaps = page.evaluate(
        """[...document.querySelectorAll('table.compact td')].filter(td => {
            const [v, d] = [td.querySelector('.value'), td.querySelector('.difference')];
            if (!v || !d || !d.textContent) return false;
            const range = document.createRange(); range.selectNodeContents(v);
            return range.getBoundingClientRect().right > d.getBoundingClientRect().left;
        }).length"""
    )
    assert overlaps == 0


def test_dark_is_dark_and_figures_stay_on_light(page, study) -> None:
    page.emulate_media(color_scheme="dark")
    page.goto((study.folder / "report.html").as_uri())
    colour = "e => getComputedStyle(e).backgroundColor"
    assert page.evaluate(f"({colour})(document.body)") == "rgb(22, 27, 33)"
    assert page.evaluate(f"({colour})(document.querySelector('figure svg'))") == "rgb(255, 255, 255)"
    page.emulate_media(color_scheme="light")


def test_folds_are_open_in_print(page, study, tmp_path: Path) -> None:
    page.goto((study.folder / "report.html").as_uri())
    box = "document.querySelector('details .box').getBoundingClientRect().height"
    page.emulate_media(media="print")
    assert page.evaluate(box) > 100
    page.emulate_media(media="screen")
    assert not page.query_selector("details .box").is_visible()


def test_flows_have_a_section_where_they_were_measured(study, tmp_path) -> None:
    figures = tmp_path / "demo/figures"
    shutil.copytree(study.figures, figures)
    shutil.copy2(figures / "survival.svg", figures / "flow.svg")
    told = {"sentence": "K1 = 1 and K2 = 4", "reasons": ["The image is needed: without it b<i> -45 points."]}
    (figures / "flow.json").write_text(json.dumps(told), encoding="utf-8")
    pages = []
    for more in ({}, {"flow": figures / "flow.json"}):
        write_report([{"name": "m", "tables": study.tables, "figures": figures, **more}], tmp_path / "r.html")
        pages.append((tmp_path / "r.html").read_text(encoding="utf-8"))
    assert "Information flow" not in pages[0]
    assert "Information flow</h2>" in pages[1]
    assert "<strong>K1 = 1 and K2 = 4.</strong>" in pages[1]
    assert "without it b&lt;i&gt; -45 points." in pages[1]
