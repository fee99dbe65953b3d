"""Phases 3 and 4 of the training: the decoder alone, on answers from short words to captions and letters."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from transformers import LlavaForConditionalGeneration, LlavaProcessor

from prunegrid.demo.drawing import render
from prunegrid.demo.easyvqa import image_paths, load_resized
from prunegrid.demo.muon import Muon
from prunegrid.demo.packing import IGNORED, PackedBatch, Packer
from prunegrid.demo.phase import Losses, Phase, Run, run_phase
from prunegrid.demo.scene import CROWDED, named_rng, sample_scene
from prunegrid.demo.tower_phase import pixel_values
from prunegrid.demo.turns import (
    ALL,
    CHOICES,
    ECHO,
    LETTERED,
    LISTS,
    PAIRS,
    RELATED,
    RELATIONS,
    SHORT,
    WORDS,
    Mix,
    Turn,
    draw_turns,
    easyvqa_turns,
)

BATCH = 8
TEXT_BUDGET = 280
TURNS = 20
EASYVQA_SHARE = 0.2


@dataclass(frozen=True)
class LanguagePhase:
    """A phase of language training.

    Attributes
    ----------
    name : str
        Of its checkpoint and its random streams.
    curriculum : tuple of (float, Mix)
        Which tasks until which share of its steps.
    rate : float
        Learning rate, as a multiple of `_optimizers`'.
    crowded : float
        Share of scenes with 5 to 9 objects; the others have 3 to 6.
    """

    name: str
    curriculum: tuple[tuple[float, Mix], ...]
    rate: float
    crowded: float = 0.0


LANGUAGE = LanguagePhase(
    "language", ((0.1, ECHO), (0.16, WORDS), (0.45, SHORT), (0.75, CHOICES), (1.0, ALL)), rate=1.0
)
# Choosing among letters comes last and slowest: it takes a second, milder round.
REVIEW = LanguagePhase("review", ((1.0, LETTERED),), rate=0.6)
# Two look-ups, one after the other, in pictures of more objects.
RELATE = LanguagePhase("relations", ((0.2, PAIRS), (0.28, RELATIONS), (1.0, RELATED)), rate=0.8, crowded=0.7)
# An answer of several words: each is read off the image anew, and says where the next one is.
LIST = LanguagePhase("lists", ((1.0, LISTS),), rate=0.6, crowded=0.7)


class TurnBatches:
    """Batches of images with packed turns: scenes, and easy-VQA's train split."""

    def __init__(self, packer: Packer, phase: LanguagePhase, seed: int, steps: int) -> None:
        self.packer = packer
        self.phase = phase
        self.seed = seed
        self.steps = steps
        self.easy_turns = easyvqa_turns()
        self.easy_images = {number: load_resized(path) for number, path in image_paths("train").items()}

    def batch(self, step: int) -> tuple[np.ndarray, PackedBatch]:
        """Return images (BATCH, 64, 64, 3) uint8 and their packed turns."""
        rng = named_rng(self.phase.name, self.seed, step)
        mix = next(mix for end, mix in self.phase.curriculum if step <= end * self.steps)
        pairs = [self._draw(mix, rng) for _ in range(BATCH)]
        return np.stack([image for image, _ in pairs]), self.packer.pack([turns for _, turns in pairs])

    def _draw(self, mix: Mix, rng: np.random.Generator) -> tuple[np.ndarray, list[Turn]]:
        if mix not in (ECHO, WORDS, PAIRS) and rng.random() < EASYVQA_SHARE:
            number = int(rng.choice(list(self.easy_turns)))
            turns = self.easy_turns[number]
            return self.easy_images[number], [turns[i] for i in rng.permutation(len(turns))]
        crowded = rng.random() < self.phase.crowded
        scene = sample_scene(rng, *CROWDED) if crowded else sample_scene(rng)
        return render(scene, rng), draw_turns(scene, mix, TURNS, rng)


def train_language(
    model: LlavaForConditionalGeneration,
    processor: LlavaProcessor,
    phase: LanguagePhase,
    steps: int,
    run: Run,
) -> None:
    """Train the decoder in place on the answers alone; tower and projector stay as they are.

    The projector's inputs are so large that a few steps at the decoder's rate would scramble what it says.
    """
    images = processor.image_processor
    batches = TurnBatches(Packer(processor, TEXT_BUDGET), phase, run.seed, steps)
    seeing = nn.ModuleList([model.model.vision_tower, model.model.multi_modal_projector])
    seeing.requires_grad_(False)

    def loss_of(step: int) -> tuple[torch.Tensor, Losses]:
        drawn, packed = batches.batch(step)
        hidden = model.model(
            input_ids=packed.input_ids,
            pixel_values=pixel_values(drawn, images.image_mean, images.image_std),
            attention_mask=packed.attention_mask,
            position_ids=packed.position_ids,
            use_cache=False,
        ).last_hidden_state
        asked = packed.targets != IGNORED
        logits, targets = model.lm_head(hidden[asked]), packed.targets[asked]
        loss = F.cross_entropy(logits, targets)
        content = targets != processor.tokenizer.eos_token_id
        right = (logits.argmax(-1) == targets)[content].float().mean().item()
        return loss, {"loss": loss.item(), "right": right, "length": float(hidden.shape[1])}

    run_phase(Phase(phase.name, steps, warmup=30), model, _optimizers(model, phase.rate), loss_of, run)
    seeing.requires_grad_(True)


def _optimizers(model: LlavaForConditionalGeneration, rate: float) -> list[torch.optim.Optimizer]:
    """Return Muon for the decoder's matrices and AdamW for embeddings and norms."""
    layers = model.model.language_model.layers
    matrices = [value for value in layers.parameters() if value.ndim == 2]
    owned = {id(value) for value in matrices}
    others = [value for value in model.parameters() if value.requires_grad and id(value) not in owned]
    return [
        Muon(matrices, lr=rate * 3e-3, weight_decay=0.02),
        torch.optim.AdamW(others, lr=rate * 5e-4, betas=(0.9, 0.98), weight_decay=0.0),
    ]
