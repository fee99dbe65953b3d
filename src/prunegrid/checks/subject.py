"""What is checked: a model with prompts of its study, the settings it is pruned by, and its answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from prunegrid import plugins
from prunegrid.predict.decoding import greedy_settings, pruned
from prunegrid.predict.loading import LoadedModel
from prunegrid.predict.prompts import Prompt, collate
from prunegrid.pruning.context import Pruning
from prunegrid.pruning.prefill import Saliencies
from prunegrid.pruning.strategy import UNRANKED

# Share of the image-token work that is removed wherever a check prunes.
RATIO, SEED = 0.5, 0
# Prompts of different length that a step runs one by one and as a batch.
_FEW = 3


@dataclass(frozen=True)
class Setting:
    """A strategy and a criterion, None where the strategy ranks nothing."""

    strategy: str
    criterion: str | None = None
    options: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.strategy} x {self.criterion}" if self.criterion else self.strategy


HIERARCHICAL = "hierarchical"
REFERENCE = Setting(HIERARCHICAL, "attention")


@dataclass(frozen=True)
class Answers:
    """What a model made of prompts.

    Attributes
    ----------
    kept : list of list of (int, list of int)
        Per prompt (layer, original numbers of the image tokens that stayed before it).
    tokens : list of list of int
        Per prompt the generated ids.
    logits : Tensor
        (prompts, steps, vocabulary), float32, on the CPU.
    """

    kept: list[list[tuple[int, list[int]]]]
    tokens: list[list[int]]
    logits: Tensor


@dataclass(frozen=True)
class Subject:
    """A model and its prompts.

    Attributes
    ----------
    loaded : LoadedModel
        The model, which decodes greedily.
    prompts : list of Prompt
        Without errors.
    batch_size : int
        Of the study.
    image_tokens : int or None
        What the catalogue says of every picture.
    """

    loaded: LoadedModel
    prompts: list[Prompt]
    batch_size: int = 16
    image_tokens: int | None = None

    @property
    def model(self) -> PreTrainedModel:
        """The model."""
        return self.loaded.model

    @property
    def n_layers(self) -> int:
        """L, decoder layers."""
        return len(self.loaded.family.layers(self.model))

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of its weights."""
        return self.model.dtype

    @cached_property
    def few(self) -> list[Prompt]:
        """Few prompts, from the shortest to the longest: as a batch they are padded."""
        ordered = sorted(self.prompts, key=lambda prompt: len(prompt.input_ids))
        last = len(ordered) - 1
        places = sorted({round(last * part / (_FEW - 1)) for part in range(_FEW)})
        return [ordered[place] for place in places]

    def pruning(self, setting: Setting, saliencies: Saliencies | None = None) -> Pruning:
        """Return the context in which the model prunes; see `Pruning.hooked`."""
        options = setting.options
        if setting.strategy == HIERARCHICAL:
            # HiMAP's depths, as far as a model has them: before layers 2 and 8 of 32.
            options = {"layers": [max(1, self.n_layers // 16), max(2, self.n_layers // 4)]}
        strategy = plugins.build("strategies", setting.strategy, options)
        criterion = plugins.build("criteria", setting.criterion or UNRANKED)
        ratio = RATIO if strategy.has_ratio else None
        return Pruning(self.model, strategy, criterion, ratio, SEED, saliencies=saliencies)

    @torch.no_grad()
    def answers(
        self,
        prompts: Sequence[Prompt],
        steps: int,
        setting: Setting | None = None,
        saliencies: Saliencies | None = None,
    ) -> Answers:
        """Let the model answer prompts as one batch, `steps` tokens each, whatever it would end with.

        Parameters
        ----------
        prompts : sequence of Prompt
            The batch.
        steps : int
            Tokens to generate.
        setting : Setting, optional
            How it prunes; by default not at all.
        saliencies : mutable mapping, optional
            Where gradients are kept.
        """
        pruning = None if setting is None else self.pruning(setting, saliencies)
        batch = collate(prompts, self.loaded)
        with pruned(pruning, prompts):
            generate: Any = self.model.generate
            output = generate(
                **batch.inputs,
                max_new_tokens=steps,
                min_new_tokens=steps,
                **greedy_settings(self.loaded),
                return_dict_in_generate=True,
                output_logits=True,
            )
        kept = [[] for _ in prompts] if pruning is None else pruning.kept
        logits = torch.stack(output.logits, 1).float().cpu()
        return Answers(kept, output.sequences[:, -steps:].tolist(), logits)


@contextmanager
def attention_kernel(model: PreTrainedModel, name: str) -> Iterator[None]:
    """Let a model's attention run by another implementation within the context; no copy is made."""
    configs: dict[int, Any] = {
        id(module.config): module.config for module in model.modules() if hasattr(module, "config")
    }
    before: list[tuple[Any, str | None]] = [
        (config, config._attn_implementation_internal)
        for config in configs.values()
        if hasattr(config, "_attn_implementation_internal")
    ]
    try:
        for config, _ in before:
            config._attn_implementation_internal = name
        yield
    finally:
        for config, kernel in before:
            config._attn_implementation_internal = kernel
