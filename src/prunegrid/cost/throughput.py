"""How fast a device computes a model: assumed from a card's figures, or as `check` measured it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from prunegrid.cost.cards import Card
from prunegrid.cost.decoder import Decoder

# Of a card's peak, what prefills and gradients of 7B models reach with plain PyTorch.
REACHED = 0.45
# What Python and the launches of one decoder layer take, whatever is computed.
LAYER_SECONDS = 0.3e-3
# Opening, decoding and resizing a photograph on one core; launching its way through the vision tower.
READ_SECONDS, ENCODE_SECONDS = 12e-3, 5e-3
# A job's start, and how fast weights come from a disk.
START_SECONDS, LOAD_BYTES_PER_SECOND = 20.0, 1e9


@dataclass(frozen=True)
class Throughput:
    """Times of one device with one model at one batch size.

    Attributes
    ----------
    device : str
        Its name.
    measured : bool
        By `check`, on that device; else assumed from the card's figures.
    flops_per_second : float
        Of prefills and gradients.
    pass_seconds : float
        What a pass through all layers takes beside that.
    step_seconds : float
        One decoding step of a batch.
    read_seconds, encode_seconds : float
        Reading and preprocessing a sample; a picture in the vision tower.
    load_seconds : float
        Starting a job and loading the model.
    """

    device: str
    measured: bool
    flops_per_second: float
    pass_seconds: float
    step_seconds: float
    read_seconds: float
    encode_seconds: float
    load_seconds: float

    @classmethod
    def of_card(
        cls, card: Card, decoder: Decoder, *, batch: int, tokens: int, number_bytes: int, vision_flops: float
    ) -> Throughput:
        """Assume the times of a card.

        Parameters
        ----------
        card : Card
            Its figures.
        decoder : Decoder
            The model's shapes.
        batch, tokens : int
            Samples per pass, and tokens of a prompt.
        number_bytes : int
            Bytes of a number: 2 in 16 bit.
        vision_flops : float
            Of a sample's picture.
        """
        rate = REACHED * card.tflops * 1e12
        passing = decoder.layers * LAYER_SECONDS
        weights = decoder.parameters * number_bytes
        moved = weights + batch * decoder.cache_bytes(tokens, number_bytes)
        return cls(
            device=card.name,
            measured=False,
            flops_per_second=rate,
            pass_seconds=passing,
            # Launches overlap with what the device does.
            step_seconds=max(passing, moved / (card.gb_per_second * 1e9)),
            read_seconds=READ_SECONDS,
            encode_seconds=ENCODE_SECONDS + vision_flops / rate,
            load_seconds=START_SECONDS + weights / LOAD_BYTES_PER_SECOND,
        )

    @classmethod
    def of_check(cls, pace: Mapping[str, Any]) -> Throughput:
        """Take the times that `check` measured: the entry `pace` of check.json."""
        return cls(
            device=pace["device"]["name"],
            measured=True,
            flops_per_second=pace["prefill_flops_per_second"],
            pass_seconds=pace["decode_seconds_per_step"],
            step_seconds=pace["decode_seconds_per_step"],
            read_seconds=pace["read_seconds_per_sample"],
            encode_seconds=pace["encode_seconds_per_picture"],
            load_seconds=pace["load_seconds"],
        )
