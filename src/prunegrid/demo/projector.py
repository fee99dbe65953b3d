"""Phase 2 of the training: a patch's features become the sum of the embeddings of the words for it."""

from typing import cast

import torch
from torch import nn
from transformers import LlavaForConditionalGeneration, LlavaProcessor
from transformers.models.llava.modeling_llava import LlavaMultiModalProjector

from prunegrid.demo.drawing import UNCLEAR
from prunegrid.demo.phase import Losses, Phase, Run, run_phase
from prunegrid.demo.scene import COLOURS, GRID, SHAPES, named_rng
from prunegrid.demo.tower_phase import LabelledImages, pixel_values

IMAGE_BATCHES, BATCH_IMAGES = 40, 48
BATCH = 512
ACTIVE_CENTRE, ACTIVE_SPREAD = 1.5, 0.7


def align_projector(
    model: LlavaForConditionalGeneration, processor: LlavaProcessor, steps: int, run: Run
) -> None:
    """Train the projector in place: a patch becomes the sum of the embeddings of its words.

    The words are colour, shape and place of an object, or "ground"; tower and embeddings stay as they are.
    """
    features, targets = _patches(model, processor, run.seed)
    _train(model, features, targets, Phase("projector", steps), run)


def equalise_norms(
    model: LlavaForConditionalGeneration, processor: LlavaProcessor, steps: int, run: Run
) -> None:
    """Train the projector in place on its own outputs, scaled to one norm.

    Else a patch of an object, a sum of four words, is longer than the ground, and ranking tokens by the norm
    of the decoder's input finds the objects by construction. Directions stay, as language training has moved
    the words since.
    """
    features, _ = _patches(model, processor, run.seed)
    with torch.no_grad():
        said = model.model.multi_modal_projector(features)
    norms = said.norm(dim=1, keepdim=True)
    _train(model, features, said * norms.max() / norms, Phase("norms", steps), run)


def _train(
    model: LlavaForConditionalGeneration,
    features: torch.Tensor,
    targets: torch.Tensor,
    phase: Phase,
    run: Run,
) -> None:
    """Fit the projector to `targets` (patches, hidden) from `features` (patches, vision width)."""
    projector = model.model.multi_modal_projector
    _fit(projector, features, targets)
    optimizer = torch.optim.AdamW(projector.parameters(), lr=1e-3, betas=(0.9, 0.98), weight_decay=0.0)

    def loss_of(step: int) -> tuple[torch.Tensor, Losses]:
        drawn = torch.from_numpy(named_rng(phase.name, run.seed, step).integers(len(features), size=BATCH))
        wanted = targets[drawn]
        loss = (projector(features[drawn]) - wanted).square().sum(-1).mean()
        return loss, {"loss": loss.item(), "share": loss.item() / wanted.var(0).sum().item()}

    run_phase(phase, projector, [optimizer], loss_of, run)


@torch.no_grad()
def _fit(projector: LlavaMultiModalProjector, features: torch.Tensor, targets: torch.Tensor) -> None:
    """Fit both layers by least squares: gradient steps alone stall on the tower's uneven features.

    The first layer solves the linear problem, shifted to where the activation is nearly a line.
    """
    ones = torch.ones(len(features), 1)
    solution = torch.linalg.lstsq(torch.cat([features, ones], dim=1), targets).solution
    scale = ACTIVE_SPREAD / targets.std()
    projector.linear_1.weight.copy_(scale * solution[:-1].T)
    projector.linear_1.bias.copy_(scale * solution[-1] + ACTIVE_CENTRE)
    active = projector.act(projector.linear_1(features))
    solution = torch.linalg.lstsq(torch.cat([active, ones], dim=1), targets).solution
    projector.linear_2.weight.copy_(solution[:-1].T)
    projector.linear_2.bias.copy_(solution[-1])


def _patches(
    model: LlavaForConditionalGeneration, processor: LlavaProcessor, seed: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return tower features (patches, vision width) and word sums (patches, hidden): mostly of objects."""
    words, images, data = _PatchWords(model, processor), processor.image_processor, LabelledImages(seed)
    features, targets = [], []
    for number in range(IMAGE_BATCHES):
        drawn, colour, shape = data.batch(1_000_000 + number, BATCH_IMAGES)
        with torch.no_grad():
            tower = model.model.vision_tower(pixel_values(drawn, images.image_mean, images.image_std))
        ground = colour == len(COLOURS)
        every_tenth = (torch.arange(colour.numel()) % 10 == number % 10).view_as(colour)
        chosen = (colour != UNCLEAR) & (~ground | every_tenth)
        features.append(tower.last_hidden_state[:, 1:][chosen])
        targets.append(words.sums(colour, shape)[chosen])
    return torch.cat(features), torch.cat(targets)


def align_tower(
    model: LlavaForConditionalGeneration, processor: LlavaProcessor, steps: int, run: Run
) -> None:
    """Train tower and projector together on the same sums: from labels alone, the tower loses places."""
    words, images, data = _PatchWords(model, processor), processor.image_processor, LabelledImages(run.seed)
    tower, projector = model.model.vision_tower, model.model.multi_modal_projector
    optimizer = torch.optim.AdamW(
        [
            {"params": tower.parameters(), "lr": 3e-4},
            {"params": projector.parameters(), "lr": 1e-3},
        ],
        betas=(0.9, 0.98),
        weight_decay=0.0,
    )

    def loss_of(step: int) -> tuple[torch.Tensor, Losses]:
        drawn, colour, shape = data.batch(2_000_000 + step, BATCH_IMAGES // 2)
        hidden = tower(pixel_values(drawn, images.image_mean, images.image_std)).last_hidden_state[:, 1:]
        error = (projector(hidden) - words.sums(colour, shape)).square().sum(-1)
        on_ground = colour == len(COLOURS)
        on_object = ~on_ground & (colour != UNCLEAR)
        loss = error[on_object].mean() + error[on_ground].mean()
        return loss, {"object": error[on_object].mean().item(), "ground": error[on_ground].mean().item()}

    run_phase(
        Phase("alignment", steps, warmup=10), nn.ModuleList([tower, projector]), [optimizer], loss_of, run
    )


class _PatchWords:
    """Look-up of the embeddings of the words that describe a patch."""

    def __init__(self, model: LlavaForConditionalGeneration, processor: LlavaProcessor) -> None:
        table = cast(nn.Embedding, model.get_input_embeddings()).weight.detach()

        def embed(word: str) -> torch.Tensor:
            ids = processor.tokenizer.encode(f" {word}", add_special_tokens=False)
            return table[ids].sum(0)

        none = torch.zeros(table.shape[1])
        self.colours = torch.stack([*map(embed, COLOURS), none])
        self.shapes = torch.stack([*map(embed, SHAPES), embed("ground")])
        rows = ["top" if row < GRID // 2 else "bottom" for row in range(GRID)]
        columns = ["left" if column < GRID // 2 else "right" for column in range(GRID)]
        self.places = torch.stack([embed(row) + embed(column) for row in rows for column in columns])

    def sums(self, colour: torch.Tensor, shape: torch.Tensor) -> torch.Tensor:
        """Return the sums of embeddings, (batch, 64, hidden), of class numbers (batch, 64)."""
        clear = colour != UNCLEAR
        on_object = clear & (colour != len(COLOURS))
        words = self.colours[colour.where(clear, len(COLOURS))] + self.shapes[shape.where(clear, len(SHAPES))]
        return words + on_object[..., None] * self.places
