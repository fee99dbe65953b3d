"""Memory of a batch in the decoder, and the largest batch that fits. Imports no torch."""

from __future__ import annotations

from prunegrid.cost.decoder import Decoder

# Above this a decoding step of a 7B model is bound by memory bandwidth, and a larger batch gains little.
LARGEST = 64
# Of the memory that is free; the rest is for what this estimate leaves out, and for fragments.
USED_SHARE = 0.9


def batch_bytes(decoder: Decoder, batch: int, tokens: int, number_bytes: int, *, gradients: bool) -> int:
    """Return the bytes that a batch takes beside the weights.

    Parameters
    ----------
    decoder : Decoder
        The model's shapes.
    batch, tokens : int
        Samples, and tokens of the longest of them.
    number_bytes : int
        Bytes of a number: 2 in 16 bit.
    gradients : bool
        Whether gradients are taken: the state that enters each layer is kept. The graph of a layer is not
        counted, as it is made for fewer samples where it does not fit.

    Returns
    -------
    int
        Twice the keys and values of an unpruned prompt, as cells that share layers keep them while one
        decodes; what one layer computes; the logits of a position; for gradients the states.
    """
    cache = 2 * decoder.cache_bytes(tokens, number_bytes)
    # The stream, a norm of it, queries and outputs; gate, up and their product.
    layer = tokens * (4 * decoder.hidden + 3 * decoder.ffn) * number_bytes
    # In 16 bit, and in float32 for the choice of the next token.
    logits = decoder.vocabulary * (number_bytes + 4)
    states = decoder.layers * tokens * decoder.hidden * number_bytes if gradients else 0
    return batch * (cache + layer + logits + states)


def fitting_batch(
    decoder: Decoder, free_bytes: float, tokens: int, number_bytes: int, *, gradients: bool
) -> int:
    """Return the largest batch that fits, a power of two from 1 to `LARGEST`.

    Powers of two, so that a little more or less of free memory seldom changes the batch from job to job.

    Parameters
    ----------
    decoder, tokens, number_bytes, gradients : Decoder, int, int, bool
        See `batch_bytes`.
    free_bytes : float
        Memory that is free once the weights are loaded.
    """
    one = batch_bytes(decoder, 1, tokens, number_bytes, gradients=gradients)
    batch = LARGEST
    while batch > 1 and batch * one > USED_SHARE * free_bytes:
        batch //= 2
    return batch
