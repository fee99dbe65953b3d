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
HOME = Path(__file__).parents[2]


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


def test_a_study_without_methods_says_how_to_compare_them(study) -> None:
    text = (study.folder / "report.html").read_text()
    assert "<code>snakemake --cores 2 --configfile config/methods.yaml</code>" in text
    assert (HOME / "config/methods.yaml").is_file()


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
    # Figures are shrunk, and none has to be scrolled.
    for figure in page.query_selector_all("section > .figures svg"):
        assert figure.bounding_box()["width"] <= width
    assert not page.query_selector_all("figure.wide")


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


def test_dark_is_dark_and_figures_are_turned_over_but_for_maps(page, study) -> None:
    page.emulate_media(color_scheme="dark")
    page.goto((study.folder / "report.html").as_uri())
    colour = "e => getComputedStyle(e).backgroundColor"
    assert page.evaluate(f"({colour})(document.body)") == "rgb(22, 27, 33)"
    # The survival map says by its lightness how many survive.
    shown = "e => getComputedStyle(e).filter"
    filters = [figure.evaluate(shown) for figure in page.query_selector_all("figure:not(.map) svg")]
    assert len(set(filters)) == 1
    assert filters[0].startswith("invert(0.92) hue-rotate(180deg)")
    assert "invert" not in page.query_selector("figure.map svg").evaluate(shown)
    page.emulate_media(color_scheme="light")
    assert page.query_selector("figure svg").evaluate(shown) == "none"


def test_folds_are_open_in_print_but_for_the_full_tables(page, study) -> None:
    page.goto((study.folder / "report.html").as_uri())
    reading = "details:not(.screen) ul.plain"
    height = f"document.querySelector('{reading}').getBoundingClientRect().height"
    page.emulate_media(media="print")
    assert page.evaluate(height) > 50
    tables = page.query_selector_all("details.screen .box, .screen .box")
    assert len(tables) == 3
    assert not any(table.is_visible() for table in tables)
    assert page.query_selector(".paper").is_visible()
    page.emulate_media(media="screen")
    assert not page.query_selector(reading).is_visible()
    assert not page.query_selector(".paper").is_visible()
    page.query_selector("details.screen summary").click()
    assert tables[0].is_visible()


def test_print_names_the_files_of_what_it_leaves_out(study) -> None:
    text = (study.folder / "report.html").read_text()
    (said,) = re.findall(r'<p class="paper">([^<]*the full tables[^<]*)</p>', text)
    names = [
        f"{study.tables.parent.name}/{study.tables.name}/{kind}.csv"
        for kind in ("strategy", "criterion", "changes")
    ]
    assert said.endswith(f"They are in {', '.join(names)}.")


def test_words_of_heads_are_whole(page, study) -> None:
    page.set_viewport_size({"width": 1400, "height": 900})
    page.goto((study.folder / "report.html").as_uri())
    heads = page.query_selector_all("table.compact th.whole")
    assert {head.evaluate("e => getComputedStyle(e).overflowWrap") for head in heads} == {"normal"}
    assert "total compute, % of unpruned" in [head.inner_text() for head in heads]


def test_flows_have_a_section_where_they_were_measured(study, tmp_path) -> None:
    figures = tmp_path / "demo/figures"
    shutil.copytree(study.figures, figures)
    shutil.copy2(figures / "survival.svg", figures / "flow.svg")
    told = {
        "sentence": "K1 = 1 and K2 = 4",
        "reasons": ["The image is needed: without it b<i> -45 points."],
        "samples": {"b<i>": 40, "c": 9},
    }
    (figures / "flow.json").write_text(json.dumps(told), encoding="utf-8")
    pages = []
    for more in ({}, {"flow": figures / "flow.json"}):
        write_report([{"name": "m", "tables": study.tables, "figures": figures, **more}], tmp_path / "r.html")
        pages.append((tmp_path / "r.html").read_text(encoding="utf-8"))
    assert "Information flow" not in pages[0]
    assert "Information flow</h2>" in pages[1]
    assert "<strong>K1 = 1 and K2 = 4.</strong>" in pages[1]
    assert "without it b&lt;i&gt; -45 points." in pages[1]
    assert "Of the first 40 samples of b&lt;i&gt; and 9 samples of c.</figcaption>" in pages[1]
