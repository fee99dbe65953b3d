"""The table files: contents, marks, formats."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from prunegrid.errors import DataError
from prunegrid.findings.write_findings import write_findings
from prunegrid.report.write import write_report
from prunegrid.tables import html, latex, markdown
from prunegrid.tables.build import build_tables, make_tables
from prunegrid.tables.display import Field, Line, Printed, printed
from prunegrid.tables.options import TableOptions
from tests.tables import made_up, worlds

AXES = ["model", "benchmark", "strategy", "criterion", "ratio", "seed"]


def read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, keep_default_na=True, na_values=[""])


def test_cells_csv_has_one_row_per_cell_with_the_contracts_columns(study) -> None:
    cells = read(study.tables / "cells.csv")
    assert len(cells) == len(study.cells)
    wanted = [*AXES, "n", "n_error", "accuracy", "accuracy_low", "accuracy_high", "cider", "cider_low"]
    wanted += ["accuracy_official", "accuracy_lmms", "accuracy_strict", "accuracy_llava", "f1_official"]
    wanted += ["tflops_published", "tflops_total", "ratio_requested", "ratio_achieved"]
    assert set(wanted) <= set(cells.columns)
    for row, cell in zip(cells.itertuples(), study.cells, strict=True):
        assert (row.strategy, row.seed) == (cell["strategy"], cell["seed"])
        metrics = study.scores(cell)["metrics"]
        if "accuracy" in metrics:
            assert row.accuracy == metrics["accuracy"]["value"]


def test_values_and_differences_of_one_seed_follow_from_scores(study) -> None:
    table = read(study.tables / "criterion.csv")
    row = table[(table.strategy == "hierarchical") & (table.criterion == "norm") & (table.ratio == 0.5)].iloc[
        0
    ]
    samples = {
        key: pd.read_parquet(study.folder / f"demo/easy/{key}/seed-0/scores.parquet").set_index("sample_id")[
            "score"
        ]
        for key in (
            "hierarchical/norm/ratio-0.500",
            "hierarchical/attention/ratio-0.500",
            "none/none/ratio-0.000",
        )
    }
    mine, reference, none = samples.values()
    assert row.easy_value == pytest.approx(mine.mean())
    assert row.easy_to_none == pytest.approx((mine - none).mean())
    assert row.easy_criterion_effect == pytest.approx((mine - reference).mean())
    assert row.easy_to_none_low <= row.easy_to_none <= row.easy_to_none_high
    assert row.easy_to_none_p_holm >= row.easy_to_none_p


def test_every_row_stands_where_it_should(study) -> None:
    strategy, criterion = (read(study.tables / f"{kind}.csv") for kind in ("strategy", "criterion"))
    blocks = list(dict.fromkeys(strategy.block))
    assert blocks[:2] == ["no pruning, and the floors", "criterion attention, ratio 0.5"]
    first = strategy[strategy.block == blocks[1]]
    assert [*first.strategy] == ["hierarchical", "uniform", "random", "uniform", "exit"]
    assert first.criterion.iloc[3] == "random"
    blocks = list(dict.fromkeys(criterion.block))
    assert blocks[1] == "strategy hierarchical, ratio 0.5"
    assert criterion.reference.sum() == 2
    assert criterion[criterion.reference].easy_criterion_effect.isna().all()


def test_no_rank_for_degenerate_answer_reading_or_unpruned_rows(study) -> None:
    for kind in ("strategy", "criterion"):
        table = read(study.tables / f"{kind}.csv")
        best = table[table.easy_best_group == True]  # noqa: E712
        assert len(best)
        assert not (best.degenerate | best.needs_answer).any()
        assert not best.strategy.isin(["none", "blind", "mismatched"]).any()
        assert table[table.ratio == 0.9].query("unreachable.isna()").degenerate.all()


def test_unreachable_rows_are_dashes_with_a_reason(study) -> None:
    table = read(study.tables / "strategy.csv")
    row = table[table.strategy == "pyramid"].iloc[0]
    assert "out of reach" in row.unreachable
    assert pd.isna(row.easy_value)
    for ending in ("md", "tex", "html"):
        text = (study.tables / f"strategy.{ending}").read_text()
        assert "pyramid" in text
        assert "out of reach" in text


@pytest.mark.parametrize("ending", ["md", "tex", "html"])
@pytest.mark.parametrize("kind", ["strategy", "criterion"])
def test_readable_tables_carry_their_foot_notes(study, kind: str, ending: str) -> None:
    text = (study.tables / f"{kind}.{ending}").read_text()
    for words in (
        "Toy model, toy world",
        "n = 60",
        "images can tell",
        "FLOPs (published)",
        "rule lmms",
    ):
        assert words in text, words


@pytest.mark.parametrize("toy", [False, True])
def test_a_model_is_called_a_toy_where_its_specification_says_so(toy: bool) -> None:
    cells = [made_up.cell(strategy, [1.0, 0.0] * 10, model="demo") for strategy in ("none", "single")]
    for table in make_tables(cells, [], TableOptions(replicates=100, toy=toy)):
        assert any("Toy model" in note for note in printed(table).notes) == toy


def test_tables_do_not_depend_on_when_they_are_built(study, tmp_path: Path) -> None:
    from tests.tables.scored_study import UNREACHABLE

    write_findings(
        build_tables(study.cells, UNREACHABLE, tmp_path, {"replicates": 1000, "toy": True}), tmp_path
    )
    for file in study.tables.iterdir():
        assert (tmp_path / file.name).read_bytes() == file.read_bytes(), file.name


def test_a_missing_score_file_is_named(study, tmp_path: Path) -> None:
    broken = [*study.cells, {**study.cells[0], "folder": str(tmp_path / "gone")}]
    with pytest.raises(DataError, match="gone"):
        build_tables(broken, [], tmp_path)


class _Checker(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.tags.append(tag)
        if tag not in ("meta", "link", "img", "br", "use", "path"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("use", "path"):
            assert self.open.pop() == tag


def test_the_report_is_one_self_contained_page(study) -> None:
    text = (study.folder / "report.html").read_text()
    checker = _Checker()
    checker.feed(text)
    assert not checker.open
    assert checker.tags.count("table") == 8
    assert checker.tags.count("figure") == 8
    assert not {"script", "link", "iframe"} & set(checker.tags)
    assert 'src="http' not in text
    assert "transformers" in text
    assert "Toy model, toy world" in text


def test_the_report_tells_versions_once_and_data_for_each_benchmark(study, tmp_path) -> None:
    files = {}
    for name in ("pope", "nocaps"):
        files[name] = tmp_path / f"{name}.parquet"
        told = {"dtype": "float32", "data": {"id": f"my/{name}"}, "key": name, "cell": {"seed": 0}}
        worlds.write(files[name], [], told)
    model = {"name": "m", "tables": study.tables, "figures": study.figures, "metadata": files}
    write_report([model], tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text()
    rows = re.findall(r'<tr><th scope="row">(.*?)</th><td>(.*?)</td><td>(.*?)</td></tr>', text)
    assert ("dtype", "all", "float32") in rows
    assert {("data.id", "pope", "my/pope"), ("data.id", "nocaps", "my/nocaps")} < set(rows)
    assert not {"key", "cell.seed"} & {row[0] for row in rows}


def test_text_of_users_is_escaped_in_every_format() -> None:
    nasty = "<b>a_b & 50% #1 | $x$ \\ {y}~^"
    shown = Printed(
        nasty,
        [nasty],
        [(nasty, ["value", "gain"])],
        [(nasty, [Line([Field(nasty), Field("1", (nasty,)), Field(nasty)])])],
        [nasty],
    )
    assert "<b>a" not in html.render(shown)
    assert "<b>" not in markdown.render(shown).replace(r"\<b\>", "")
    assert (
        r"\textless{}b\textgreater{}a\_b \& 50\% \#1 \textbar{} \$x\$ \textbackslash{} \{y\}"
        in latex.render(shown)
    )


def test_figures_are_written_as_svg_and_png(study) -> None:
    for kind in ("strategy", "criterion"):
        assert (study.figures / f"{kind}.png").stat().st_size > 10_000
        assert "<svg" in (study.figures / f"{kind}.svg").read_text()
