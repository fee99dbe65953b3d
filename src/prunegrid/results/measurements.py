"""Schema, writer and reader of latency.parquet: single measurements of time and memory. No torch."""

from __future__ import annotations

import pyarrow as pa

from prunegrid.results.keyed_rows import KeyedRows

# What is timed: the vision tower and projector on one picture; one forward pass of a prompt; the generation
# of exactly `n_generated` tokens, prompt included.
VISION, PREFILL, GENERATE = "vision", "prefill", "generate"

# docs/columns.md says what each column holds.
MEASUREMENTS = pa.schema(
    [
        pa.field("position", pa.int32(), nullable=False),
        pa.field("benchmark", pa.string(), nullable=False),
        ("strategy", pa.string()),
        ("criterion", pa.string()),
        ("ratio", pa.float64()),
        ("seed", pa.int32()),
        ("match", pa.string()),
        pa.field("quantity", pa.string(), nullable=False),
        pa.field("batch_size", pa.int32(), nullable=False),
        pa.field("round", pa.int32(), nullable=False),
        ("sample_ids", pa.list_(pa.string())),
        ("n_tokens", pa.int32()),
        ("n_image_tokens", pa.int32()),
        ("n_generated", pa.int32()),
        pa.field("wall_ms", pa.float64(), nullable=False),
        ("device_ms", pa.float64()),
        ("peak_memory_mb", pa.float64()),
        ("clock_mhz", pa.int32()),
        ("throttle", pa.string()),
    ]
)

_FILES = KeyedRows(MEASUREMENTS, "measurements", "measured", "measured", "latency")
write_measurements = _FILES.write
read_measurements = _FILES.read
