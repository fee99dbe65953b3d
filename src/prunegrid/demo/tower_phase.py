"""Phase 1 of the training: the vision tower alone, on the colour and shape that each patch shows."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from transformers import CLIPVisionModel

from prunegrid.demo.drawing import GROUND, UNCLEAR, PatchLabels, render, render_single, scene_labels
from prunegrid.demo.easyvqa import EasyQuestion, image_paths, load_resized, patch_labels, read_questions
from prunegrid.demo.phase import Losses, Phase, Run, run_phase
from prunegrid.demo.scene import COLOURS, SHAPES, named_rng, sample_scene

BATCH = 64
SINGLE_SHARE, EASYVQA_SHARE = 0.15, 0.15


class LabelledTower(nn.Module):
    """A vision tower with one linear head for colour and one for shape; the last class is the ground."""

    def __init__(self, tower: CLIPVisionModel) -> None:
        super().__init__()
        width = tower.config.hidden_size
        self.tower = tower
        self.colour = nn.Linear(width, len(COLOURS) + 1)
        self.shape = nn.Linear(width, len(SHAPES) + 1)

    def forward(self, pixel_values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return colour and shape logits, (batch, 64, classes), of pixel values (batch, 3, 64, 64)."""
        hidden = self.tower(pixel_values).last_hidden_state[:, 1:]
        return self.colour(hidden), self.shape(hidden)


def pixel_values(images: np.ndarray, mean: list[float], std: list[float]) -> torch.Tensor:
    """Normalise (batch, 64, 64, 3) uint8 images as CLIP's image processor does.

    Returns
    -------
    torch.Tensor
        (batch, 3, 64, 64) float32.
    """
    scaled = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    return (scaled - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]


class LabelledImages:
    """Batches of images with patch labels: scenes, single shapes, and easy-VQA's train split."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.easy = _labelled_easyvqa()

    def batch(self, step: int, size: int) -> tuple[np.ndarray, torch.Tensor, torch.Tensor]:
        """Return images (size, 64, 64, 3) uint8 and their colour and shape labels (size, 64)."""
        rng = named_rng("tower", self.seed, step)
        pairs = [self._draw(rng) for _ in range(size)]
        images = np.stack([image for image, _ in pairs])
        colour = _classes([labels.colour for _, labels in pairs], len(COLOURS))
        shape = _classes([labels.shape for _, labels in pairs], len(SHAPES))
        return images, colour, shape

    def _draw(self, rng: np.random.Generator) -> tuple[np.ndarray, PatchLabels]:
        source = rng.random()
        if source < SINGLE_SHARE:
            return render_single(rng)
        if source < SINGLE_SHARE + EASYVQA_SHARE:
            return self.easy[rng.integers(len(self.easy))]
        scene = sample_scene(rng)
        return render(scene, rng), scene_labels(scene)


def train_tower(
    tower: CLIPVisionModel, steps: int, run: Run, mean: list[float], std: list[float]
) -> LabelledTower:
    """Train the tower in place on patch labels and return it with its heads."""
    torch.manual_seed(run.seed)
    model = LabelledTower(tower)
    data = LabelledImages(run.seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1.5e-3, betas=(0.9, 0.98), weight_decay=0.01)

    def loss_of(step: int) -> tuple[torch.Tensor, Losses]:
        images, colour, shape = data.batch(step, BATCH)
        colour_logits, shape_logits = model(pixel_values(images, mean, std))
        loss = _balanced_loss(colour_logits, colour) + _balanced_loss(shape_logits, shape)
        return loss, {
            "loss": loss.item(),
            "colour": _object_accuracy(colour_logits, colour),
            "shape": _object_accuracy(shape_logits, shape),
            "ground": _ground_accuracy(shape_logits, shape),
        }

    run_phase(Phase("tower", steps), model, [optimizer], loss_of, run)
    return model


def _labelled_easyvqa() -> list[tuple[np.ndarray, PatchLabels]]:
    by_image: dict[int, list[EasyQuestion]] = {}
    for question in read_questions("train"):
        by_image.setdefault(question.image_id, []).append(question)
    pairs = []
    for number, path in image_paths("train").items():
        image = load_resized(path)
        labels = patch_labels(image, by_image.get(number, []))
        if labels is not None:
            pairs.append((image, labels))
    return pairs


def _classes(labels: list[np.ndarray], ground_class: int) -> torch.Tensor:
    flat = torch.from_numpy(np.stack(labels)).flatten(1)
    return torch.where(flat == GROUND, ground_class, flat)


def _balanced_loss(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Average the loss over objects and over ground apart: objects are 6 % of the patches."""
    ground = logits.shape[-1] - 1
    each = F.cross_entropy(logits.flatten(0, 1), target.flatten(), ignore_index=UNCLEAR, reduction="none")
    flat = target.flatten()
    on_ground, on_object = flat == ground, (flat != ground) & (flat != UNCLEAR)
    return each[on_object].mean() + each[on_ground].mean()


def _object_accuracy(logits: torch.Tensor, target: torch.Tensor) -> float:
    on_object = (target != logits.shape[-1] - 1) & (target != UNCLEAR)
    return (logits.argmax(-1) == target)[on_object].float().mean().item()


def _ground_accuracy(logits: torch.Tensor, target: torch.Tensor) -> float:
    ground = logits.shape[-1] - 1
    return (logits.argmax(-1) == target)[target == ground].float().mean().item()
