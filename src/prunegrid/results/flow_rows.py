"""Schema, writer and reader of what hiding flows of attention did to answers, sample by sample. No torch."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from prunegrid.results.keyed_rows import KeyedRows

# Named by queries, then keys: what tokens of the first kind read of tokens of the second.
TEXT_TO_IMAGE, IMAGE_TO_IMAGE = "text_to_image", "image_to_image"
TEXT_TO_TEXT, IMAGE_TO_TEXT = "text_to_text", "image_to_text"
FLOWS = (TEXT_TO_IMAGE, IMAGE_TO_IMAGE, TEXT_TO_TEXT, IMAGE_TO_TEXT)
HIDDEN_FLOWS = (TEXT_TO_IMAGE, IMAGE_TO_IMAGE)


@dataclass(frozen=True, order=True)
class Masking:
    """A flow that is hidden in the layers first, ..., end - 1.

    Attributes
    ----------
    flow : str
        One of `HIDDEN_FLOWS`.
    first, end : int
        The layers, from 0; end is not one of them.
    """

    flow: str
    first: int
    end: int

    def __str__(self) -> str:
        return f"{self.flow} hidden in layers {self.first} to {self.end - 1}"


# docs/columns.md says what each column holds.
FLOW_ROWS = pa.schema(
    [
        pa.field("sample_id", pa.string(), nullable=False),
        ("image_id", pa.string()),
        ("flow", pa.string()),
        ("first", pa.int32()),
        ("end", pa.int32()),
        ("prediction", pa.string()),
        ("parsed_answer", pa.string()),
        ("score", pa.float64()),
        pa.field("status", pa.string(), nullable=False),
        ("error", pa.string()),
        *((flow, pa.list_(pa.float32())) for flow in FLOWS),
    ]
)

_FILES = KeyedRows(FLOW_ROWS, "flows", "computed", "written", "flow")
write_flow_rows = _FILES.write
read_flow_rows = _FILES.read
