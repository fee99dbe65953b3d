"""A LLaVA-1.5 with random weights, in the hub's layout."""

import json
import shutil
from pathlib import Path

import torch
from transformers import LlavaConfig, LlavaForConditionalGeneration

from tests.gpu.sizes import DEVICE, Size

DEMO = Path(__file__).parents[2] / "demo/model"


def write_checkpoint(folder: Path, size: Size, seed: int = 0) -> Path:
    """Write a model of a size in bfloat16, with the demo model's tokenizer and template."""
    folder.mkdir(parents=True)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "generation_config.json"):
        shutil.copy(DEMO / name, folder / name)
    processor = json.loads((DEMO / "processor_config.json").read_text(encoding="utf-8"))
    processor["patch_size"] = size.patch
    processor["image_processor"]["crop_size"] = {"height": size.picture, "width": size.picture}
    processor["image_processor"]["size"] = {"shortest_edge": size.picture}
    (folder / "processor_config.json").write_text(json.dumps(processor))
    config = json.loads((DEMO / "config.json").read_text(encoding="utf-8"))
    known = config["text_config"]["vocab_size"]
    config.update(image_seq_length=(size.picture // size.patch) ** 2, tie_word_embeddings=False)
    config["text_config"].update(
        vocab_size=size.vocabulary,
        hidden_size=size.hidden,
        intermediate_size=size.inner,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        num_key_value_heads=size.heads,
        head_dim=size.hidden // size.heads,
        initializer_range=0.02,
        tie_word_embeddings=False,
    )
    config["vision_config"].update(
        hidden_size=size.tower_hidden,
        intermediate_size=size.tower_inner,
        num_hidden_layers=size.tower_layers,
        num_attention_heads=size.tower_heads,
        image_size=size.picture,
        patch_size=size.patch,
    )
    torch.manual_seed(seed)
    with torch.device(DEVICE):
        model = LlavaForConditionalGeneration(LlavaConfig.from_dict(config))
    with torch.no_grad():
        # The tokenizer knows the first tokens alone; of the others each logit is 0, never the largest.
        model.lm_head.weight[known:] = 0
        model.lm_head.weight[config["image_token_index"]] = 0
        for name, weight in model.model.multi_modal_projector.named_parameters():
            if name.endswith("weight"):
                weight.mul_(20)
    model.to(torch.bfloat16).save_pretrained(folder)
    return folder
