"""The table of all cells: cells.csv in units that people read."""

import re

import pandas as pd

from prunegrid.gallery.cells_table import cells_table
from tests.gallery.made_up import write


def test_numbers_are_those_of_cells_csv_in_their_units(tmp_path):
    write(tmp_path)
    html = cells_table(tmp_path / "cells.csv", {"asked": "accuracy", "captioned": "cider"})
    head = re.findall(r"<th[^>]*>(.*?)</th>", html)
    lines = [re.findall(r"<td>(.*?)</td>", line) for line in re.findall(r"<tr>(<td>.*?)</tr>", html)]
    cells = pd.read_csv(tmp_path / "cells.csv", keep_default_na=False, na_values=[""])
    assert len(lines) == len(cells)
    for line, (_, cell) in zip(lines, cells.iterrows(), strict=True):
        row = dict(zip(head, line, strict=True))
        metric = {"asked": "accuracy", "captioned": "cider"}[cell["benchmark"]]
        assert row["metric"] == metric.replace("cider", "CIDEr")
        assert row["score"] == f"{100 * cell[metric]:.1f}"
        assert row["low"] == f"{100 * cell[metric + '_low']:.1f}"
        assert row["compute in all, GFLOPs"] == f"{1000 * cell['tflops_total']:.2f}"
        assert row["strategy"] == cell["strategy"]
        assert row["ratio"] == f"{cell['ratio']:.3f}"
    assert "prefill, ms" not in head


def test_the_ratio_of_what_none_was_asked_of_is_what_it_removes_and_whole_tokens_are_whole(tmp_path):
    write(tmp_path)
    cells = pd.read_csv(tmp_path / "cells.csv", keep_default_na=False, na_values=[""])
    cells = pd.concat([cells, cells.tail(1).assign(strategy="blind", criterion="none", ratio=0.0)])
    cells["ratio_achieved"] = [*cells["ratio"][:-1], 1.0]
    cells["min_image_tokens"] = 64.0
    cells.to_csv(tmp_path / "cells.csv", index=False)
    html = cells_table(tmp_path / "cells.csv", {"asked": "accuracy", "captioned": "cider"})
    head = re.findall(r"<th[^>]*>(.*?)</th>", html)
    lines = [re.findall(r"<td>(.*?)</td>", line) for line in re.findall(r"<tr>(<td>.*?)</tr>", html)]
    rows = [dict(zip(head, line, strict=True)) for line in lines]
    assert rows[-1]["ratio"] == "1.000"
    assert [row["ratio"] for row in rows[:-1]] == [f"{ratio:.3f}" for ratio in cells["ratio"][:-1]]
    assert {row["fewest image tokens in a layer"] for row in rows} == {"64"}
