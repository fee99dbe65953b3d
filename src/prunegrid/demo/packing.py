"""Pack several questions about one image into one row of tokens, with an attention mask that separates them.

Each segment sees the image and itself, at the positions that it would have alone, so that a packed row
trains exactly what `generate` later runs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import LlavaProcessor

from prunegrid.demo.architecture import IMAGE, IMAGE_TOKENS
from prunegrid.demo.turns import Turn

IGNORED = -100


@dataclass(frozen=True)
class PackedBatch:
    """Rows of one image and its segments.

    Attributes
    ----------
    input_ids, position_ids : torch.Tensor
        (batch, length) int64.
    attention_mask : torch.Tensor
        (batch, 1, length, length) bool, True where a token may look.
    targets : torch.Tensor
        (batch, length) int64: the next token where it belongs to an answer, else IGNORED.
    """

    input_ids: torch.Tensor
    position_ids: torch.Tensor
    attention_mask: torch.Tensor
    targets: torch.Tensor


class Packer:
    """Tokenizes turns and lays them behind the image of their row."""

    def __init__(self, processor: LlavaProcessor, budget: int) -> None:
        """Take a processor and the greatest number of text tokens in a row."""
        self.tokenizer = processor.tokenizer
        self.budget = budget
        self.prefix = self.tokenizer(f"USER: {IMAGE * IMAGE_TOKENS}")["input_ids"]

    def pack(self, rows: Sequence[Sequence[Turn]]) -> PackedBatch:
        """Lay each row's turns behind its image until the budget is full."""
        turns = [turn for row in rows for turn in row]
        encode = self.tokenizer
        prompts = iter(
            encode([f"\n{t.text} ASSISTANT:" for t in turns], add_special_tokens=False)["input_ids"]
        )
        answers = iter(encode([t.answer for t in turns], add_special_tokens=False)["input_ids"])
        laid = [self._row([(next(prompts), next(answers)) for _ in row]) for row in rows]
        length = max(len(row[0]) for row in laid)
        fillers = (self.tokenizer.pad_token_id, 0, -1, IGNORED)
        ids, positions, segments, targets = (
            torch.tensor([row[part] + [filler] * (length - len(row[part])) for row in laid])
            for part, filler in enumerate(fillers)
        )
        same = segments[:, :, None] == segments[:, None, :]
        prefix = (segments == 0)[:, None, :]
        causal = torch.ones(length, length, dtype=torch.bool).tril()
        return PackedBatch(ids, positions, ((same | prefix) & causal)[:, None], targets)

    def _row(self, pairs: Sequence[tuple[list[int], list[int]]]) -> tuple[list[int], ...]:
        start = len(self.prefix)
        ids, positions = list(self.prefix), list(range(start))
        segments, targets = [0] * start, [IGNORED] * start
        for number, (prompt, answer) in enumerate(pairs, start=1):
            said = [*answer, self.tokenizer.eos_token_id]
            # The end token is a target, but nothing follows it.
            tokens = prompt + said[:-1]
            if len(ids) - start + len(tokens) > self.budget:
                continue
            ids += tokens
            positions += range(start, start + len(tokens))
            segments += [number] * len(tokens)
            targets += [IGNORED] * (len(prompt) - 1) + said
        return ids, positions, segments, targets
