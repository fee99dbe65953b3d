"""What `batch_size` means to a job: a number, or as many samples as fit into the memory that is free."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prunegrid.cost.batch_memory import fitting_batch
from prunegrid.cost.decoder import Decoder
from prunegrid.predict.requests import BatchChoice

AUTO = "auto"


def batch_choice(configured: int | str) -> int | BatchChoice:
    """Return a configured batch size, or what chooses one for `auto`.

    The choice is made here, not where samples are predicted: how much memory a batch is estimated to take is
    then no part of the code that the keys of predictions hold.
    """
    return _fitting if configured == AUTO else int(configured)


def _fitting(config: Mapping[str, Any], tokens: int, number_bytes: int, free_bytes: int) -> int:
    # That there may be gradients is always assumed: the batch must not depend on the cells that a job has.
    return fitting_batch(Decoder.from_config(config), free_bytes, tokens, number_bytes, gradients=True)
