"""Where the image tokens of a batch of prompts are, and how many of what: read from the device at once."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from prunegrid.errors import PruningError


@dataclass(frozen=True, eq=False)
class PromptTokens:
    """Tokens of a batch of prompts.

    Attributes
    ----------
    numbers : Tensor
        (batch, columns), int64: the number of an image token among its row's, -1 elsewhere.
    valid : Tensor
        (batch, columns), bool: False for padding.
    lengths : tuple of int
        Per row its tokens, padding apart.
    n_image : list of int
        Per row N, its image tokens.
    n_text_after, n_text_between : list of int
        Per row its text tokens after the last image token, and those between the first one and the last.
    ends_in_image : list of bool
        Per row whether its last token is an image token.
    """

    numbers: Tensor
    valid: Tensor
    lengths: tuple[int, ...]
    n_image: list[int]
    n_text_after: list[int]
    n_text_between: list[int]
    ends_in_image: list[bool]

    @classmethod
    def read(cls, ids: Tensor, valid: Tensor, image_token_id: int) -> PromptTokens:
        """Read a batch of prompts.

        Parameters
        ----------
        ids : Tensor
            (batch, columns), int64.
        valid : Tensor
            (batch, columns), bool: False for padding.
        image_token_id : int
            The id that stands for one image token.

        Raises
        ------
        PruningError
            If prompts are padded on the right.
        """
        image = (ids == image_token_id) & valid
        seen = image.cumsum(1)
        text = valid & ~image & (seen > 0)
        after = text & (seen == seen[:, -1:])
        # One copy: each makes Python wait for the device.
        counted = torch.stack(
            [
                *(marks.sum(1) for marks in (valid, image, after, text)),
                *(marks[:, -1].long() for marks in (valid, image)),
            ]
        )
        lengths, n_image, n_after, n_text, valid_last, image_last = counted.tolist()
        if not all(valid_last):
            raise PruningError("the prompts are padded on the right: pad on the left")
        return cls(
            torch.where(image, seen - 1, -1),
            valid,
            tuple(lengths),
            n_image,
            n_after,
            [n - later for n, later in zip(n_text, n_after, strict=True)],
            [bool(last) for last in image_last],
        )

    def most_text_after(self, present: list[int]) -> int | None:
        """Return the most text tokens of a row after the last image token that is present.

        Parameters
        ----------
        present : list of int
            Per row the image tokens that are present.

        Returns
        -------
        int or None
            None where it depends on which ones they are: there is text among image tokens.
        """
        rows = [row for row, left in enumerate(present) if left]
        if any(self.n_text_between[row] for row in rows):
            return None
        return max((self.n_text_after[row] for row in rows), default=0)
