"""Grounding: the share of expressions whose box is found, at an intersection over union of one half.

`first` reads the first box of an answer, as its coordinates are meant; `lmms` is lmms-eval 0.7.3's
refcoco_bbox_rec_*, which takes all coordinates for shares of the picture; `lmms_grounding` is its
refcoco_grounding_*: of all boxes, in pixels and in thousandths, the one that fits the gold box best.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import pandas as pd

from prunegrid.errors import DataError
from prunegrid.scoring.answers import boxes
from prunegrid.scoring.answers.boxes import Box
from prunegrid.scoring.scorer import Scorer
from prunegrid.statistics.sums import SumMetric, mean

# An object is found from here on (Yu et al. 2016).
_FOUND = 0.5
_THOUSAND = 1000.0
# Side of a patch of Qwen2.5-VL's tower, whose answers are in pixels of what the tower sees.
_PATCH = 14


@dataclass(frozen=True, kw_only=True)
class RefCOCO(Scorer):
    """Accuracy at an IoU of one half, mean IoU, and how many answers hold a box.

    An answer without a box has an IoU of 0.

    Parameters
    ----------
    coordinates : str
        What is counted: `unit`, shares of width and height; `thousand`, thousandths of them; `pixels`, pixels
        of the picture as the vision tower sees it, in patches of 14 (Qwen2.5-VL).
    frame : str
        Of which picture: the `whole` one, as `padded` to a square, or as `cropped` to its centre square.
    """

    headline_variant: ClassVar[str] = "first"
    variants: ClassVar[tuple[str, ...]] = ("first", "lmms", "lmms_grounding")
    columns: ClassVar[tuple[str, ...]] = ("document", "image_grids")

    coordinates: Literal["unit", "thousand", "pixels"] = "unit"
    frame: Literal["whole", "padded", "cropped"] = "whole"

    def rows(self, predictions: pd.DataFrame) -> pd.DataFrame:
        """Score each row; `iou` is 0 where an answer has no box, which `gave_box` tells."""
        names = ["score", "correct", *(f"correct_{v}" for v in self.variants), "iou", "iou_lmms"]
        names += ["iou_lmms_grounding", "centre", "gave_box", "parsed_answer"]
        records = [self._row(row) for row in predictions.itertuples()]
        return pd.DataFrame(records, index=predictions.index, columns=names)

    def metrics(self, rows: pd.DataFrame) -> dict[str, SumMetric]:
        """Return accuracy, mean IoU, the share of centres in the box, and that of answers with a box."""
        return {
            "accuracy": mean(rows["score"]),
            "mean_iou": mean(rows["iou"]),
            "centre_accuracy": mean(rows["centre"]),
            "box_rate": mean(rows["gave_box"]),
        }

    def variant_values(self, rows: pd.DataFrame) -> dict[str, dict[str, float]]:
        """Return accuracy and mean IoU under every rule."""
        ious = {"first": "iou", "lmms": "iou_lmms", "lmms_grounding": "iou_lmms_grounding"}
        return {
            **super().variant_values(rows),
            "mean_iou": {name: mean(rows[column]).value() for name, column in ious.items()},
        }

    def _row(self, row: Any) -> dict[str, object]:
        gold, size = _gold(row)
        found = boxes.boxes(row.prediction)
        first = self._in_pixels(found[0], size, row) if found else None
        shares = (gold[0] / size[0], gold[1] / size[1], gold[2] / size[0], gold[3] / size[1])
        ious = {
            "first": boxes.iou(gold, first) if first else 0.0,
            "lmms": boxes.iou(shares, boxes.lmms(row.prediction)),
            "lmms_grounding": max((boxes.iou(gold, one) for one in _either(found, size)), default=0.0),
        }
        correct = {f"correct_{name}": float(value >= _FOUND) for name, value in ious.items()}
        return {
            "score": correct["correct_first"],
            "correct": correct["correct_first"],
            **correct,
            "iou": ious["first"],
            "iou_lmms": ious["lmms"],
            "iou_lmms_grounding": ious["lmms_grounding"],
            "centre": float(first is not None and boxes.holds_centre(gold, first)),
            "gave_box": float(first is not None),
            "parsed_answer": str([round(number, 2) for number in first]) if first else None,
        }

    def _in_pixels(self, box: Box, size: tuple[int, int], row: Any) -> Box:
        """Return a box in pixels of the picture of the data set, left, top, right, bottom."""
        width, height = size
        left = top = 0
        # Half pixels are cut as in `predict.aspect.set_aspect`.
        if self.frame == "padded":
            side = max(size)
            left, top = -((side - width) // 2), -((side - height) // 2)
            width = height = side
        elif self.frame == "cropped":
            side = min(size)
            left, top = (width - side) // 2, (height - side) // 2
            width = height = side
        x, y = width / self._units(row)[0], height / self._units(row)[1]
        return left + box[0] * x, top + box[1] * y, left + box[2] * x, top + box[3] * y

    def _units(self, row: Any) -> tuple[float, float]:
        """Return how many units of the coordinates make the width, and the height."""
        if self.coordinates == "unit":
            return 1.0, 1.0
        if self.coordinates == "thousand":
            return _THOUSAND, _THOUSAND
        _, rows, columns = (int(count) for count in row.image_grids[0])
        return float(columns * _PATCH), float(rows * _PATCH)


def _gold(row: Any) -> tuple[Box, tuple[int, int]]:
    """Return the gold box, left, top, right, bottom in pixels, and width and height of the picture."""
    if not isinstance(row.document, str):
        raise DataError(f"sample {row.sample_id!r}: its row has no document, which holds the gold box")
    document: Mapping[str, Any] = json.loads(row.document)
    left, top, width, height = document["bbox"]
    return (left, top, left + width, top + height), (document["width"], document["height"])


def _either(found: list[Box], size: tuple[int, int]) -> list[Box]:
    """Return boxes as pixels, and as thousandths of the picture in pixels."""
    x, y = size[0] / _THOUSAND, size[1] / _THOUSAND
    scaled = [(one[0] * x, one[1] * y, one[2] * x, one[3] * y) for one in found]
    return [*found, *scaled]
