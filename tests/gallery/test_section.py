"""The section of a small study: what is on it, what is left out, and that nothing breaks it."""

import json
import re
from html.parser import HTMLParser

import pytest

from prunegrid.errors import DataError
from prunegrid.gallery import drawings as drawings_module
from prunegrid.gallery.cell_answers import read_scores
from prunegrid.gallery.panels import heading
from prunegrid.gallery.samples import SampleOptions, collect
from prunegrid.gallery.survivors import comparisons, drawn_cuts, survivors
from prunegrid.tables.options import TableOptions
from tests.gallery.made_up import HOSTILE, TOKENS, N, adapter_of, kept_by, section, write

KNOWN = {
    *("div", "p", "em", "ul", "li", "h3", "h4", "h5", "b", "i", "img", "dl", "dt", "dd", "a", "bdi", "br"),
    *("table", "caption", "thead", "tbody", "tr", "th", "td", "small", "span", "article", "template", "wbr"),
    *("details", "summary", "label", "select", "option", "noscript", "script"),
}


class Reader(HTMLParser):
    """Tags with attributes, and whether each was closed where it was opened."""

    def __init__(self, text):
        super().__init__()
        self.open, self.seen, self.wrong = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.seen.append((tag, dict(attributes)))
        if tag not in ("img", "br", "wbr"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


def told(html):
    """Return the JSON on the page."""
    return json.loads(re.search(r'class="answers-of-cells">(.*?)</script>', html, re.S)[1])


@pytest.fixture(scope="module")
def html(tmp_path_factory):
    return section(tmp_path_factory.mktemp("section"), samples=6, gallery=2)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    return section(tmp_path_factory.mktemp("hostile"), HOSTILE, samples=N, gallery=3)


@pytest.mark.parametrize("name", ["html", "hostile"])
def test_it_is_whole_html_of_known_elements(name, request):
    reader = Reader(request.getfixturevalue(name))
    assert not reader.wrong
    assert not reader.open
    assert {tag for tag, _ in reader.seen} <= KNOWN
    assert not [key for _, attributes in reader.seen for key in attributes if key.startswith("on")]
    assert [tag for tag, _ in reader.seen].count("script") == 1


@pytest.mark.parametrize("name", ["html", "hostile"])
def test_nothing_is_asked_of_elsewhere(name, request):
    for _, attributes in Reader(request.getfixturevalue(name)).seen:
        for key in ("src", "href"):
            assert attributes.get(key, "#").startswith(("data:image/png;base64,", "#"))
        style = re.sub(r"url\(data:image/webp;base64,[A-Za-z0-9+/=]*\)", "", attributes.get("style") or "")
        assert "url" not in style


def test_samples_stand_in_the_gallery_and_in_the_browser(html):
    assert html.count("<article") == 12
    assert html.count("<template>") == 8
    assert html.count("--p:url(data:image/webp") + html.count("&lt;is&gt; broken") == 12
    assert "6 of 12" in html


def test_every_answer_is_told(html):
    found = told(html)
    assert "hierarchical/norm/ratio-0.750/seed-0" in found["cells"]
    for sample in found["samples"]:
        assert len(sample["given"]) == len(sample["right"]) == len(sample["turned"]) == len(found["cells"])
        none = found["cells"].index("none/none/ratio-0.000/seed-0")
        assert sample["given"][none] == sample["unpruned"] == 0
        if sample["benchmark"] == "asked":
            # Right without pruning: what turned is what is wrong.
            assert [r == "0" for r in sample["right"]] == [t == "-" for t in sample["turned"]]
        else:
            assert set(sample["right"]) == set(sample["turned"]) == {"."}


def test_an_error_row_says_what_went_wrong(tmp_path):
    html = section(tmp_path, samples=N, gallery=N)
    found = [sample for sample in told(html)["samples"] if "e" in sample["right"]]
    assert [sample["key"] for sample in found] == [f"toy/asked/s{N - 1}"]
    assert "out of &lt;memory&gt;" in html


def test_a_broken_picture_says_why_and_keeps_the_rest(tmp_path):
    html = section(tmp_path, samples=N, gallery=N)
    assert html.count("image &lt;is&gt; broken") == 2


def test_without_pictures_kept_tokens_are_still_drawn(tmp_path):
    without = section(tmp_path / "without", samples=4, pictures=False)
    assert "image/webp" not in without
    assert without.count("left out by the configuration") + without.count("&lt;is&gt; broken") == 8
    assert "image/png" in without
    some = section(tmp_path / "some", samples=4, pictures=["asked"])
    shown = Reader(some).seen
    for tag, attributes in shown:
        if tag == "article" and "captioned" in attributes["data-key"]:
            assert "webp" not in attributes["style"]
    assert some.count("image/webp") in (3, 4)


def test_lower_ratios_are_left_out_first(tmp_path, monkeypatch):
    whole = section(tmp_path, samples=4)
    assert "ratio 0.500" in whole
    size = sum(map(len, re.findall(r'<ul class="columns".*?</ul>', whole, re.S)))
    for share, said in ((0.7, "at ratio 0.500 are left out"), (0.1, "drawn in the gallery alone")):
        monkeypatch.setattr(drawings_module.drawings, "__defaults__", (int(share * size),))
        less = section(tmp_path, samples=4)
        assert said in less
        assert "ratio 0.500</summary>" not in less
        assert "ratio 0.750</summary>" in less


def test_no_sample_at_all(tmp_path):
    html = section(tmp_path, samples=0)
    assert not Reader(html).wrong
    assert told(html)["samples"] == []


def test_the_same_study_gives_the_same_section(tmp_path, html):
    assert section(tmp_path, samples=6, gallery=2) == html


def test_what_is_compared_is_the_highest_ratio_first(tmp_path):
    own = [cell for cell in write(tmp_path) if cell["benchmark"] == "asked"]
    found = [(one.varied, one.fixed, one.ratio) for one in comparisons(own, TableOptions())]
    assert found == [
        ("criterion", "hierarchical", 0.75),
        ("strategy", "attention", 0.75),
        ("criterion", "hierarchical", 0.5),
        ("strategy", "attention", 0.5),
    ]
    alone = [cell for cell in own if cell["strategy"] == "hierarchical"]
    assert {one.varied for one in comparisons(alone, TableOptions())} == {"criterion"}
    single = [cell for cell in own if cell["strategy"] == "single"]
    found = [(one.varied, len(one.cells)) for one in comparisons(single, TableOptions())]
    assert found == [("strategy", 1)] * 2
    first = comparisons(own, TableOptions())[0]
    assert [cell["criterion"] for cell in first.cells] == ["attention", "norm"]


def test_methods_are_compared_with_each_other_and_with_nothing_else(tmp_path):
    own = [cell for cell in write(tmp_path) if cell["benchmark"] == "asked"]
    # Tokens of smaller pictures are not those that are drawn.
    pairs = [("smaller", "none"), ("fastv", "fastv"), ("fastv", "fastv-reversed"), ("vtw", "none")]
    kinds = {"smaller": "downsample", "fastv": "single", "vtw": "exit"}
    added = [
        {**own[-1], "strategy": s, "strategy_type": kinds[s], "criterion": c, "ratio": 0.75, "seed": 0}
        for s, c in pairs
    ]
    options = TableOptions(methods={"smaller": {}, "fastv": {}, "vtw": {}})
    found = comparisons([*own, *added], options)
    assert [one for one in found if one.varied != "method"] == comparisons(own, options)
    (methods,) = [one for one in found if one.varied == "method"]
    assert [(cell["strategy"], cell["criterion"]) for cell in methods.cells] == [pairs[1], pairs[3]]
    assert heading(methods) == "Patches that survive: methods, ratio 0.750"
    assert [one.varied for one in comparisons(added, options)] == ["method"]


def test_what_survives_is_told_by_the_depth_of_tokens(tmp_path):
    cell = next(c for c in write(tmp_path) if (c["strategy"], c["criterion"]) == ("hierarchical", "norm"))
    _, found = survivors(cell, ["s3", "nobody"])
    assert list(found) == ["s3"]
    depth = kept_by("hierarchical", "norm", 3)
    assert [layer for layer, _ in found["s3"].cuts] == [1, 4]
    for layer, kept in found["s3"].cuts:
        assert kept.tolist() == [one > layer for one in depth]
    assert [int(kept.sum()) for _, kept in found["s3"].cuts] == [TOKENS // 2, TOKENS // 4]


@pytest.mark.parametrize(
    ("layers", "drawn"),
    [([], []), ([3], [3]), ([1, 2, 3, 4], [1, 2, 3, 4]), (list(range(1, 8)), [1, 3, 5, 7])],
)
def test_of_many_cuts_some_are_drawn(layers, drawn):
    assert drawn_cuts(layers) == drawn


def test_scores_are_told_by_sample_whatever_their_order(tmp_path):
    ids, scores, answers = read_scores(write(tmp_path)[:3])
    assert scores.shape == answers.shape == (3, N)
    assert len(ids) == N
    assert (scores[0] == 1).all()


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    own = write(tmp_path)
    file = tmp_path / "toy/asked/single/attention/ratio-0.500/seed-0/scores.parquet"
    file.write_bytes(b"PAR1 nothing")
    with pytest.raises(DataError, match=r"ratio-0\.500/seed-0/scores\.parquet cannot be read"):
        collect(own, adapter_of, tmp_path, TableOptions(), SampleOptions())
