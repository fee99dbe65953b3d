"""Figure and section of measured times, from made-up measurements."""

import re
from pathlib import Path

import matplotlib as mpl
import pandas as pd
import pytest

from prunegrid.findings.write_findings import write_findings
from prunegrid.report.speed_texts import sentences, table
from prunegrid.report.speedup import describe_run, plot_speedup
from prunegrid.report.write import write_report
from prunegrid.results.measurements import write_measurements
from prunegrid.tables.build import build_tables
from tests.report.phone import smallest_on_a_phone
from tests.tables.measured import made_up, made_up_rows

DEVICE = {"type": "cuda", "name": "A <Card>", "memory_gb": 80.0, "cuda": "12.8", "threads": None}
METADATA = {
    "key": "k",
    "device": DEVICE,
    "dtype": "bfloat16",
    "attn_implementation": "sdpa",
    "clocks_before": {"driver": "550.1", "clock_mhz": "1980", "throttle": "0x0"},
    "clocks_after": {"driver": "550.1", "clock_mhz": "1755", "throttle": "0x4"},
    "how": {"samples": 3, "warmups": 2, "tokens": 9},
    "packages": {"torch": "2.13.0", "transformers": "5.23.0"},
}


@pytest.fixture(scope="module")
def measured(study, tmp_path_factory):
    """Return a model's folder with tables, measurements and the figure."""
    folder = tmp_path_factory.mktemp("measured")
    cells = [cell for cell in study.cells if cell["benchmark"] in ("presence", "letters")]
    write_findings(
        build_tables(cells, [], folder / "tables", {"replicates": 200}, made_up()), folder / "tables"
    )
    write_measurements(folder / "latency.parquet", made_up_rows(), METADATA)
    plot_speedup(folder / "tables/cells.csv", folder / "latency.parquet", folder / "figures")
    return folder


@pytest.fixture(scope="module")
def rows(measured) -> pd.DataFrame:
    return pd.read_csv(measured / "tables/cells.csv")


def test_the_figure_names_the_device_and_has_a_panel_per_batch_size(measured):
    drawn = (measured / "figures/speedup.svg").read_text()
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", drawn)
    assert "A &lt;Card&gt;, bfloat16, sdpa" in texts
    assert [text for text in texts if text == "presence" or "batch size" in text] == [
        *("presence", "batch size 1"),
        *("presence", "batch size 4"),
    ]
    assert smallest_on_a_phone(measured / "figures/speedup.svg") >= 9
    assert {"hierarchical x attention", "unpruned", "as FLOPs fall"} <= set(texts)
    assert (measured / "figures/speedup.png").stat().st_size > 10_000


def test_the_figure_is_the_same_bytes_each_time(measured, tmp_path):
    plot_speedup(measured / "tables/cells.csv", measured / "latency.parquet", tmp_path)
    assert (tmp_path / "speedup.svg").read_bytes() == (measured / "figures/speedup.svg").read_bytes()


def test_the_users_own_settings_do_not_count(measured, tmp_path):
    with mpl.rc_context({"font.size": 40, "axes.facecolor": "red", "svg.fonttype": "path"}):
        plot_speedup(measured / "tables/cells.csv", measured / "latency.parquet", tmp_path)
    assert (tmp_path / "speedup.svg").read_bytes() == (measured / "figures/speedup.svg").read_bytes()


def test_the_sentences_say_on_what_and_how_much(rows):
    text = " ".join(sentences(rows, METADATA))
    assert "Measured on A <Card>, bfloat16, sdpa. Every cell is timed on the same 3 batches" in text
    assert "At batch size 1 the fastest prefill was 4.00 times as fast as the unpruned model's" in text
    assert "At batch size 4 the fastest prefill was 2.00 times as fast" in text
    assert "All 1 pruned cells were faster" in text
    assert "On a CPU" not in text


def test_the_threads_of_a_cpu_are_named():
    for threads, words in ((1, "1 thread,"), (2, "2 threads,")):
        device = {**DEVICE, "type": "cpu", "name": "A CPU", "threads": threads}
        assert f"A CPU, {words}" in describe_run({**METADATA, "device": device})


def test_the_table_has_a_line_per_measured_cell_and_batch_size(rows):
    names, *lines = table(rows)
    assert [line[names.index("batch")] for line in lines] == ["1", "1", "4", "4"]
    assert [line[names.index("prefill, ms")] for line in lines] == ["40.00", "10.00", "100.00", "50.00"]
    assert "on the device, ms" not in names, "nothing of it was measured"


def test_the_ratio_of_the_blind_model_is_what_it_removes(rows):
    blind = rows.head(1).assign(strategy="blind", criterion="none", ratio=0.0, ratio_achieved=1.0)
    asked = rows.assign(ratio_achieved=rows["ratio"] + 0.002)
    names, *lines = table(pd.concat([asked, blind]))
    ratios = {line[0]: line[names.index("ratio")] for line in lines}
    assert ratios["blind"] == "1.000"
    assert ratios["hierarchical x attention"] == "0.500"


def test_the_page_has_a_section_where_something_was_measured(study, measured, tmp_path):
    figures = tmp_path / "figures"
    figures.mkdir()
    for folder in (study.figures, measured / "figures"):
        for file in folder.glob("*.svg"):
            (figures / file.name).write_bytes(file.read_bytes())
    model = {"name": "demo", "tables": measured / "tables", "figures": figures}
    pages = []
    for more in ({}, {"measurements": measured / "latency.parquet"}):
        write_report([{**model, **more}], tmp_path / "report.html")
        pages.append(Path(tmp_path / "report.html").read_text())
    assert "How fast" not in pages[0]
    assert "How fast: measured time" in pages[1]
    for fact in ("A &lt;Card&gt;", "550.1", "1980, 1755", "0x0, 0x4"):
        assert fact in pages[1]
    assert "A <Card>" not in pages[1]
