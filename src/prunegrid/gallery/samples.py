"""Choose the samples of a model's cells and gather all that is shown of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prunegrid.axis_names import BASELINE
from prunegrid.errors import PruningError
from prunegrid.gallery.cell_answers import Answer, prunes, read_answers, read_asked, read_scores
from prunegrid.gallery.chosen_samples import choose, in_both
from prunegrid.gallery.layout import PictureLayout, lay_out
from prunegrid.gallery.seen import WHOLE, Box, as_given, seen_box, stored_settings
from prunegrid.gallery.sheet import lay_out_several, side_by_side
from prunegrid.gallery.survivors import SideBySide, Survivors, comparisons, survivors
from prunegrid.results.predictions import read_metadata
from prunegrid.results.scores_file import read_score_file
from prunegrid.results.store import PREDICTIONS
from prunegrid.tables.options import TableOptions

if TYPE_CHECKING:
    from PIL.Image import Image

    from prunegrid.data.adapter import Adapter

_NO_PICTURE = "The picture is left out by the configuration."


@dataclass(frozen=True)
class ShownSample:
    """One sample with all that is shown of it.

    Attributes
    ----------
    benchmark, sample_id : str
    rule : str
        Why it was chosen.
    in_gallery : bool
        Whether it stands on the page itself, and not only in the browser.
    question : str
    choices, references : tuple of str
        Empty where a benchmark has none.
    gold : str or None
    answers : tuple of Answer
        One per cell of its benchmark.
    drawn : tuple of (SideBySide, tuple of Survivors or None)
        What each cell of a comparison kept; None for an error row.
    layout : PictureLayout or None
        Where its tokens lie; None where that is not known, as `unplaced` says.
    unplaced : str
        Why tokens cannot be laid out, or nothing can be drawn.
    image : Image or None
        The picture as the model was given it; several stand side by side.
    no_picture : str
        Why there is none.
    box : (float, float, float, float)
        The part of it that the tokens cover.
    """

    benchmark: str
    sample_id: str
    rule: str
    in_gallery: bool
    question: str
    choices: tuple[str, ...]
    references: tuple[str, ...]
    gold: str | None
    answers: tuple[Answer, ...]
    drawn: tuple[tuple[SideBySide, tuple[Survivors | None, ...]], ...]
    layout: PictureLayout | None
    unplaced: str = ""
    image: Image | None = None
    no_picture: str = ""
    box: Box = WHOLE


@dataclass(frozen=True)
class BenchmarkSamples:
    """The chosen samples of one benchmark.

    Attributes
    ----------
    benchmark : str
    metric : str
        Its headline metric.
    cells : tuple of mappings
        Its cells, in the order of every sample's answers.
    n_samples : int
        Of which the shown ones were chosen.
    shown : tuple of ShownSample
    """

    benchmark: str
    metric: str
    cells: tuple[Mapping[str, Any], ...]
    n_samples: int
    shown: tuple[ShownSample, ...]

    @property
    def bounded(self) -> bool:
        """Whether scores are between 0 and 1, so that an answer is right or wrong, as in the tables."""
        return self.metric != "cider"


@dataclass(frozen=True)
class SampleOptions:
    """The `report` section of the configuration.

    Attributes
    ----------
    samples, gallery : int
        Samples per benchmark in the browser; those of them that stand on the page itself.
    pictures : bool or sequence of str
        Whether pictures are shown; or the benchmarks whose are.
    seed : int
        Of the draw.
    """

    samples: int = 16
    gallery: int = 2
    pictures: bool | Sequence[str] = True
    seed: int = 0

    def shows_pictures(self, benchmark: str) -> bool:
        """Return whether the pictures of a benchmark may be shown."""
        return self.pictures if isinstance(self.pictures, bool) else benchmark in self.pictures


@dataclass
class _Pictures:
    """The pictures of chosen samples, one or several each, as the model was given them."""

    images: dict[str, list[Image]] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)


def collect(
    cells: Iterable[Mapping[str, Any]],
    adapter_of: Callable[[str], Adapter],
    model_folder: str | Path,
    tables: TableOptions,
    options: SampleOptions,
) -> list[BenchmarkSamples]:
    """Choose samples of every benchmark of one model, and read what is shown of them.

    Parameters
    ----------
    cells : iterable of mappings
        The model's cells, as `study.descriptions.describe_cell` returns them.
    adapter_of : callable
        Benchmark -> the adapter that reads its pictures.
    model_folder : path
        The model's, whose processor says what part of a picture is seen.
    tables : TableOptions
        Names the reference strategy and criterion.
    options : SampleOptions

    Raises
    ------
    DataError
        If a file of results or of data cannot be read, naming it.
    """
    by_benchmark: dict[str, list[Mapping[str, Any]]] = {}
    for cell in cells:
        by_benchmark.setdefault(cell["benchmark"], []).append(cell)
    return [
        _of_benchmark(benchmark, own, adapter_of, model_folder, tables, options)
        for benchmark, own in by_benchmark.items()
    ]


def _of_benchmark(
    benchmark: str,
    cells: Sequence[Mapping[str, Any]],
    adapter_of: Callable[[str], Adapter],
    model_folder: str | Path,
    tables: TableOptions,
    options: SampleOptions,
) -> BenchmarkSamples:
    scores = read_score_file(cells[0]["folder"], ["headline"])
    unpruned = next((cell for cell in cells if cell["strategy"] == BASELINE), cells[0])
    asked = read_asked(unpruned)
    ids, values, answers = read_scores(cells)
    pruned = [number for number, cell in enumerate(cells) if prunes(cell)]
    images = [str(image_id) for image_id in asked["image_id"].reindex(ids)]
    chosen = choose(values[pruned], answers[pruned], ids, images, options.samples, options.seed)
    found = BenchmarkSamples(benchmark, scores["headline"], tuple(cells), len(ids), ())
    numbers = [one.number for one in chosen]
    told = read_answers(cells, values[:, numbers], [ids[number] for number in numbers], found.bounded)
    metadata = read_metadata(Path(unpruned["folder"], PREDICTIONS))
    settings = stored_settings(model_folder, str(metadata.get("image_backend", "")))
    mode = str(metadata.get("image_mode", "processor"))
    # The layout of tiles follows from the size of a picture, so it is read even where it is not shown.
    pictures = _read_pictures(adapter_of(benchmark), list(told), mode, settings)
    drawn = [(one, [survivors(cell, list(told)) for cell in one.cells]) for one in comparisons(cells, tables)]
    shows = options.shows_pictures(benchmark)
    gallery = in_both(chosen, options.gallery)
    samples = []
    for one in chosen:
        sample_id = ids[one.number]
        row, own = asked.loc[sample_id], pictures.images.get(sample_id, [])
        image = side_by_side(own) if len(own) > 1 else own[0] if own else None
        layout, unplaced, box = None, "", WHOLE
        try:
            image, layout, box = _placed(sample_id, drawn, metadata["model"]["config"], own, settings)
        except PruningError as error:
            unplaced = str(error)
        samples.append(
            ShownSample(
                benchmark,
                sample_id,
                one.rule,
                one in gallery,
                _text(row["question"]) or "",
                _texts(row["choices"]),
                _texts(row["references"]),
                _text(row["answer"]),
                tuple(told[sample_id]),
                tuple((what, tuple(kept.get(sample_id) for _, kept in read)) for what, read in drawn),
                layout,
                unplaced,
                image if shows else None,
                pictures.faults.get(sample_id, "" if shows else _NO_PICTURE),
                box,
            )
        )
    return replace(found, shown=tuple(samples))


def _text(value: Any) -> str | None:
    """Return a text of a frame, in which a missing one may be NaN."""
    return value if isinstance(value, str) else None


def _texts(value: Any) -> tuple[str, ...]:
    return () if value is None or isinstance(value, float) else tuple(str(item) for item in value)


def _read_pictures(
    adapter: Adapter, sample_ids: Sequence[str], mode: str, settings: Mapping[str, Any]
) -> _Pictures:
    """Read pictures through the benchmark's adapter, which reads nothing outside the data set's folder."""
    pictures = _Pictures()
    wanted = set(sample_ids)
    positions = [number for number, name in enumerate(adapter.sample_ids()) if name in wanted]
    for sample in adapter.samples(positions):
        if sample.image is None:
            pictures.faults[sample.sample_id] = sample.error or "The row has no picture."
        else:
            pictures.images[sample.sample_id] = [as_given(image, mode, settings) for image in sample.images]
    return pictures


def _placed(
    sample_id: str,
    drawn: Sequence[tuple[SideBySide, Sequence[tuple[Any, Mapping[str, Survivors]]]]],
    config: Mapping[str, Any],
    images: Sequence[Image],
    settings: Mapping[str, Any],
) -> tuple[Image, PictureLayout, Box]:
    """Return a sample's picture, where its tokens lie, and in what part of it.

    Raises
    ------
    PruningError
        If that is not known, or no drawn cell answered.
    """
    rows = [rows.loc[sample_id] for _, read in drawn for rows, _ in read if sample_id in rows.index]
    if not rows:
        raise PruningError("No cell that ranks tokens answered.")
    if not images:
        raise PruningError("Without its picture, nothing says where tokens lie.")
    n_tokens = int(rows[0]["n_image_tokens"])
    grids: Any = [tuple(int(count) for count in grid) for grid in rows[0]["image_grids"]]
    if len(images) > 1:
        return *lay_out_several(n_tokens, grids, config, images, settings), WHOLE
    layout = lay_out(n_tokens, grids, config, images[0].size)
    return images[0], layout, seen_box(images[0].size, layout, settings)
