"""A tiny LLaVA with random weights, wide enough that attention is far from uniform."""

from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration

IMAGE_ID, PAD_ID, EOS_ID = 99, 0, 2
N_IMAGE, N_LAYERS = 25, 8


def tiny_llava(seed: int = 0, n_layers: int = N_LAYERS) -> LlavaForConditionalGeneration:
    """Return the model: 8 layers, hidden 48, grouped heads (6 over 2), 25 image tokens."""
    torch.manual_seed(seed)
    text = LlamaConfig(
        vocab_size=100,
        hidden_size=48,
        intermediate_size=64,
        num_hidden_layers=n_layers,
        num_attention_heads=6,
        num_key_value_heads=2,
        initializer_range=0.25,
        pad_token_id=PAD_ID,
        eos_token_id=EOS_ID,
    )
    vision = CLIPVisionConfig(
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=20,
        patch_size=4,
    )
    config = LlavaConfig(
        text_config=text.to_dict(),
        vision_config=vision.to_dict(),
        image_token_id=IMAGE_ID,
        image_seq_length=N_IMAGE,
        vision_feature_layer=-1,
    )
    model = LlavaForConditionalGeneration(config).eval()
    # Random weights would put image tokens into answers.
    model.generation_config.update(pad_token_id=PAD_ID, eos_token_id=EOS_ID, suppress_tokens=[IMAGE_ID])
    with torch.no_grad():
        for name, parameter in model.model.multi_modal_projector.named_parameters():
            if name.endswith("weight"):
                parameter.mul_(20)
    return model


@dataclass(frozen=True)
class Request:
    """One unpadded prompt."""

    name: str
    ids: Tensor
    pixels: Tensor | None


def requests(n: int = 5, seed: int = 1) -> list[Request]:
    """Return prompts of different length, text before and after the image; the last has no image."""
    generator = torch.Generator().manual_seed(seed)
    found = []
    for index in range(n):
        before = torch.randint(3, 98, (2 + index % 2,), generator=generator)
        after = torch.randint(3, 98, (4 + (5 * index) % 13,), generator=generator)
        image = index < n - 1 or n == 1
        pixels = torch.randn(1, 3, 20, 20, generator=generator) if image else None
        span = torch.full((N_IMAGE if image else 0,), IMAGE_ID)
        found.append(Request(f"sample {index}", torch.cat([before, span, after]), pixels))
    return found


def collate(rows: list[Request]) -> dict[str, Tensor]:
    """Pad on the left."""
    width = max(len(row.ids) for row in rows)
    ids = torch.full((len(rows), width), PAD_ID)
    mask = torch.zeros_like(ids)
    for place, row in enumerate(rows):
        ids[place, width - len(row.ids) :] = row.ids
        mask[place, width - len(row.ids) :] = 1
    inputs = {"input_ids": ids, "attention_mask": mask}
    pixels = [row.pixels for row in rows if row.pixels is not None]
    return {**inputs, "pixel_values": torch.cat(pixels)} if pixels else inputs
