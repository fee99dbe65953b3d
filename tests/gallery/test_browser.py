"""The page in the Chromium of this machine: filters, links, keys, and that nothing is asked of a network."""

import json
import shutil
from pathlib import Path

import pytest

from tests.gallery.made_up import HOSTILE, N, whole_page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
NOT_RUN = "NO CHROMIUM ON THIS MACHINE: the page was not tried in a browser"
CELL = "hierarchical/norm/ratio-0.750/seed-0"
KEY = "toy/asked/s5"


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip(NOT_RUN)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> Path:
    return whole_page(tmp_path_factory.mktemp("page"), HOSTILE[:5], samples=N, gallery=2)


@pytest.fixture
def opened(browser, file):
    """Return what opens the page at an address; at the end nothing was complained of or asked for."""
    said, asked, pages = [], [], []

    def at(address="", width=1400, **how):
        page = browser.new_page(viewport={"width": width, "height": 900}, **how)
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(file.as_uri() + address)
        pages.append(page)
        return page

    yield at
    for page in pages:
        assert page.title() == "made up"
        page.close()
    assert said == []
    assert [url for url in asked if not url.startswith((file.as_uri(), "data:image/"))] == []


def told(page):
    """Return the answers of all cells as they stand on the page."""
    return json.loads(page.locator(".answers-of-cells").text_content())


def listed(page):
    """Return the keys of the rows that are shown, of all pages."""
    page.locator(".browser .dt-length select").select_option("100")
    links = page.locator("table.listing tbody a").evaluate_all("links => links.map((link) => link.hash)")
    return [link.removeprefix("#sample=") for link in links]


def choose(page, part, value):
    page.locator(f'[data-part="{part}"]').select_option(value)


def test_all_samples_are_listed_and_two_of_a_benchmark_stand_on_the_page(opened):
    page = opened()
    assert sorted(listed(page)) == sorted(sample["key"] for sample in told(page)["samples"])
    assert page.locator(".gallery > article:visible").count() == 4
    assert page.locator(".viewer").is_hidden()


def test_filters_leave_what_their_cell_answered_so(opened):
    page = opened()
    found = told(page)
    at = found["cells"].index(CELL)
    choose(page, "cell", CELL)
    expected = {
        "right": lambda s: s["right"][at] == "1",
        "wrong": lambda s: s["right"][at] == "0",
        "fell": lambda s: s["turned"][at] == "-",
        "rose": lambda s: s["turned"][at] == "+",
        "changed": lambda s: s["given"][at] != s["unpruned"],
        "": lambda s: True,
    }
    counts = {}
    for verdict, fits in expected.items():
        choose(page, "verdict", verdict)
        keys = [sample["key"] for sample in found["samples"] if fits(sample)]
        assert sorted(listed(page)) == sorted(keys), verdict
        counts[verdict] = len(keys)
    assert 0 < counts["wrong"] < counts["right"]
    choose(page, "benchmark", "captioned")
    assert {key.split("/")[1] for key in listed(page)} == {"captioned"}


def test_the_chosen_cells_answers_are_listed_and_marked(opened):
    page = opened()
    choose(page, "cell", CELL)
    choose(page, "verdict", "wrong")
    place = page.locator("table.listing thead th").all_inner_texts().index("answer of the cell")
    answers = page.locator(f"table.listing tbody td:nth-child({place + 1})").all_inner_texts()
    found = told(page)
    at = found["cells"].index(CELL)
    given = {sample["key"]: sample["given"][at] for sample in found["samples"]}
    for key, answer in zip(listed(page), answers, strict=True):
        page.evaluate(f"location.hash = 'sample={key}'")
        page.wait_for_selector(f'.viewer[data-key="{key}"]')
        assert page.locator(f'.viewer tr[data-answer="{given[key]}"] td').first.text_content() == answer
    page.locator("table.listing tbody a").first.click()
    assert page.locator(".viewer .answers tr.chosen").count() == 1
    assert CELL in page.evaluate("decodeURIComponent(location.hash)")


def test_text_is_searched(opened):
    page = opened()
    page.locator(".browser input[type=search]").fill("question 7")
    assert {key.split("/")[-1] for key in listed(page)} == {"s7"}


def test_a_link_opens_its_sample_with_its_cell(opened):
    page = opened(f"#sample={KEY}&cell={CELL.replace('/', '%2F')}")
    assert page.locator(".viewer h4").inner_text() == "asked, sample s5"
    assert page.locator('[data-part="cell"]').input_value() == CELL
    assert page.evaluate("document.activeElement.tagName") == "H4"
    assert page.locator(".viewer .answers tr.chosen").count() == 1


def test_a_link_to_an_odd_id_works_and_one_to_nothing_is_passed_over(opened):
    page = opened("#sample=toy/asked/s%2F0%20%26%20%3Cb%3E")
    assert page.locator(".viewer h4").inner_text() == "asked, sample s/0 & <b>"
    assert opened("#sample=toy/asked/nobody").locator(".viewer").is_hidden()


def test_arrow_keys_follow_the_filtered_list_and_escape_closes(opened):
    page = opened()
    choose(page, "benchmark", "captioned")
    keys = listed(page)
    page.locator("table.listing tbody a").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(f'.viewer[data-key="{keys[0]}"]')
    page.keyboard.press("ArrowRight")
    page.wait_for_selector(f'.viewer[data-key="{keys[1]}"]')
    page.keyboard.press("ArrowLeft")
    page.wait_for_selector(f'.viewer[data-key="{keys[0]}"]')
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Escape")
    assert page.locator(".viewer").is_hidden()
    assert page.evaluate("document.activeElement.hash") == f"#sample={keys[0]}"
    assert page.evaluate("location.hash") == ""


def test_cells_are_sorted_and_filtered(opened):
    from playwright.sync_api import expect

    page = opened()
    box = page.locator(".all-cells")
    heads = box.locator("thead th").all_inner_texts()
    column = heads.index("score")

    def scores():
        return [float(text) for text in box.locator(f"tbody td:nth-child({column + 1})").all_inner_texts()]

    box.locator(".dt-length select").select_option("100")
    unsorted = scores()
    assert unsorted != sorted(unsorted)
    box.locator("thead th").nth(column).click()
    # DataTables sorts and draws in a task of its own after the click.
    expect(box.locator("thead th").nth(column)).to_have_attribute("aria-sort", "ascending")
    assert scores() == sorted(unsorted)
    box.locator(".controls select").nth(heads.index("criterion")).select_option("norm")
    assert set(box.locator("tbody td:nth-child(3)").all_inner_texts()) == {"norm"}
    box.locator(".controls select").nth(heads.index("criterion")).select_option("")
    assert scores() == sorted(unsorted)


def test_hostile_texts_are_shown_and_not_run(opened):
    page = opened()
    choose(page, "benchmark", "asked")
    texts = page.locator("table.listing tbody").inner_text()
    assert "<script>document.title" in texts
    for sample in told(page)["samples"]:
        page.evaluate(f"location.hash = 'sample={sample['key']}'")
        page.wait_for_selector(f'.viewer[data-key="{sample["key"]}"]')
    assert page.locator(".samples img[src=x]").count() == 0


def test_a_text_turns_nothing_behind_it(opened):
    page = opened("#sample=toy/asked/s3")
    # The word stands to the right of the text, as it does behind a text from left to right.
    for key in ("s3", "s7"):
        page.evaluate(f"location.hash = 'sample=toy/asked/{key}'")
        page.wait_for_selector(f'.viewer[data-key="toy/asked/{key}"]')
        told = page.locator(".viewer dd:has(.right)").first
        text, word = (told.locator(part).first.bounding_box() for part in ("bdi", ".right"))
        assert word["x"] >= text["x"] + text["width"] - 1, key


def test_the_picture_lies_under_its_veil(opened):
    page = opened()
    colours = page.locator(".gallery .columns .pic").first.evaluate(
        "box => ({ under: getComputedStyle(box).backgroundImage.slice(0, 20), width: box.clientWidth,"
        " veil: box.querySelector('img').clientWidth, pixels: box.querySelector('img').naturalWidth })"
    )
    assert colours["under"] == 'url("data:image/webp'
    assert colours["veil"] == colours["width"] > 60
    assert colours["pixels"] == 4


@pytest.mark.parametrize("width", [420, 1400])
def test_nothing_is_wider_than_the_window(opened, width):
    page = opened(f"#sample={KEY}", width=width)
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_print_has_the_gallery_and_not_the_controls(opened):
    page = opened(f"#sample={KEY}")
    page.emulate_media(media="print")
    assert page.locator(".gallery > article:visible").count() == 4
    assert page.locator(".browser:visible, .all-cells:visible, .controls:visible").count() == 0


def test_without_scripts_the_gallery_is_there(browser, file):
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(file.as_uri())
    assert page.locator(".gallery > article:visible").count() == 4
    assert page.locator(".controls:visible").count() == 0
    page.close()


def test_all_that_can_be_used_has_a_name(opened):
    page = opened(f"#sample={KEY}")
    nameless = page.evaluate(
        """() => {
          const used = ":is(select, input, button, a, img, [role=img], [role=region])";
          const named = (one) =>
            one.labels?.length || one.getAttribute("aria-label") || one.alt || one.textContent.trim();
          const all = [...document.querySelectorAll(`.samples ${used}`)];
          return all.filter((one) => !named(one)).map((one) => one.outerHTML.slice(0, 80));
        }"""
    )
    assert nameless == []


def test_in_print_a_sample_begins_a_sheet_and_the_page_says_what_it_leaves_out(opened):
    page = opened()
    assert page.locator(".samples .paper").is_hidden()
    page.emulate_media(media="print")
    articles = page.locator(".gallery > article")
    breaks = articles.evaluate_all("all => all.map((one) => getComputedStyle(one).breakBefore)")
    assert set(breaks) == {"page"}
    assert page.locator(".browser").is_hidden()
    assert page.locator(".all-cells").is_hidden()
    assert "toy/tables/cells.csv" in page.locator(".samples .paper").inner_text()
