"""A tiny LLaVA with random weights in the hub's layout, of another shape than the demo model."""

import json
import shutil
from pathlib import Path

import torch
from transformers import LlavaConfig, LlavaForConditionalGeneration

DEMO = Path(__file__).parents[2] / "demo/model"
N_LAYERS, N_IMAGE, PATCH = 6, 16, 16


def write_checkpoint(folder: Path, seed: int = 0) -> Path:
    """Write 6 layers of width 32 that see 16 image tokens, with the demo model's tokenizer and template."""
    folder.mkdir(parents=True)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copy(DEMO / name, folder / name)
    processor = json.loads((DEMO / "processor_config.json").read_text(encoding="utf-8"))
    (folder / "processor_config.json").write_text(json.dumps({**processor, "patch_size": PATCH}))
    config = json.loads((DEMO / "config.json").read_text(encoding="utf-8"))
    config["image_seq_length"] = N_IMAGE
    config["text_config"].update(
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=N_LAYERS,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        initializer_range=0.3,
    )
    config["vision_config"].update(
        hidden_size=16, intermediate_size=24, num_hidden_layers=1, num_attention_heads=2, patch_size=PATCH
    )
    torch.manual_seed(seed)
    model = LlavaForConditionalGeneration(LlavaConfig.from_dict(config))
    # Random weights would put image tokens into answers.
    model.generation_config.update(suppress_tokens=[config["image_token_index"]])
    model.save_pretrained(folder)
    return folder
