"""A random LLaVA of hidden size 512 with 24 layers and 576 image tokens, as a folder in the hub's layout."""

from pathlib import Path

import torch
from transformers import (
    AutoProcessor,
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
)
from transformers.utils.logging import disable_progress_bar

HIDDEN, LAYERS, FFN = 512, 24, 1376
# 24 x 24 patches, as LLaVA-1.5 has; the tower is a sixteenth of the decoder, as CLIP-L is of a 7B decoder.
SIDE, PATCH, IMAGE_TOKENS = 192, 8, 576
VISION_HIDDEN, VISION_LAYERS = 256, 6


def write_wide_model(folder: Path, demo: Path) -> None:
    """Write the model, with the demo model's tokenizer and chat template."""
    disable_progress_bar()
    torch.manual_seed(0)
    processor = AutoProcessor.from_pretrained(demo, backend="pil")
    processor.image_processor.size = {"shortest_edge": SIDE}
    processor.image_processor.crop_size = {"height": SIDE, "width": SIDE}
    processor.patch_size = PATCH
    tokenizer = processor.tokenizer
    text = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=HIDDEN,
        intermediate_size=FFN,
        num_hidden_layers=LAYERS,
        num_attention_heads=8,
        num_key_value_heads=8,
        initializer_range=0.1,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    vision = CLIPVisionConfig(
        hidden_size=VISION_HIDDEN,
        intermediate_size=4 * VISION_HIDDEN,
        num_hidden_layers=VISION_LAYERS,
        num_attention_heads=4,
        image_size=SIDE,
        patch_size=PATCH,
    )
    config = LlavaConfig(
        text_config=text.to_dict(),
        vision_config=vision.to_dict(),
        image_token_id=tokenizer.convert_tokens_to_ids(processor.image_token),
        image_seq_length=IMAGE_TOKENS,
    )
    model = LlavaForConditionalGeneration(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            # Features as large as the embeddings of text, and different from each other.
            if "projector" in name and parameter.dim() > 1:
                parameter.normal_(std=0.1)
    model.generation_config.update(
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
