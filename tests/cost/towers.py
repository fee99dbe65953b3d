"""Small vision towers of every family: configurations, what the towers are given, grids of patches."""

import torch

TEXT = {
    "vocab_size": 120,
    "hidden_size": 48,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 12,
}
MROPE = {"rope_type": "default", "mrope_section": [2, 2, 2], "rope_theta": 10000.0}
QWEN_IDS = {
    "image_token_id": 101,
    "video_token_id": 102,
    "vision_start_token_id": 103,
    "vision_end_token_id": 104,
}


def clip(image=28, patch=4, kind="clip_vision_model", **more):
    return {
        "model_type": kind,
        "hidden_size": 32,
        "intermediate_size": 40,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "image_size": image,
        "patch_size": patch,
        **more,
    }


def qwen_tower(**more):
    return {
        "depth": 4,
        "num_heads": 4,
        "patch_size": 4,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
        "in_channels": 3,
        **more,
    }


def pixels(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def qwen_inputs(*grids):
    patches = sum(t * h * w for t, h, w in grids)
    return {"pixel_values": pixels(patches, 3 * 2 * 4 * 4), "image_grid_thw": torch.tensor(grids)}


SIGLIP = clip(kind="siglip_vision_model")
PINPOINTS = [[28, 56], [56, 28], [56, 56]]
# name -> (configuration, what the tower is given, its grids)
CASES = {
    "llava": (
        {"text_config": {"model_type": "llama", **TEXT}, "vision_config": clip(), "image_token_id": 101},
        {"pixel_values": pixels(2, 3, 28, 28)},
        [(1, 7, 7)] * 2,
    ),
    "llava siglip": (
        {
            "text_config": {"model_type": "llama", **TEXT},
            "vision_config": SIGLIP,
            "image_token_id": 101,
            "vision_feature_select_strategy": "full",
        },
        {"pixel_values": pixels(1, 3, 28, 28)},
        [(1, 7, 7)],
    ),
    "llava_next": (
        {
            "text_config": {"model_type": "llama", **TEXT},
            "vision_config": clip(),
            "image_token_id": 101,
            "image_grid_pinpoints": PINPOINTS,
        },
        {"pixel_values": pixels(2, 5, 3, 28, 28), "image_sizes": torch.tensor([[56, 50], [20, 50]])},
        [(5, 7, 7), (3, 7, 7)],
    ),
    "llava_onevision": (
        {
            "text_config": {"model_type": "qwen2", **TEXT},
            "vision_config": {**SIGLIP, "vision_use_head": False},
            "image_token_id": 101,
            "video_token_id": 102,
            "image_grid_pinpoints": PINPOINTS,
            "vision_aspect_ratio": "anyres_max_9",
        },
        {
            "pixel_values": pixels(1, 5, 3, 28, 28),
            "image_sizes": torch.tensor([[56, 50]]),
            "batch_num_images": torch.tensor([1]),
        },
        [(5, 7, 7)],
    ),
    "internvl": (
        {
            "text_config": {"model_type": "qwen2", **TEXT},
            "vision_config": {
                **clip(kind="internvl_vision", image=[32, 32], patch=[4, 4]),
                "use_qk_norm": False,
            },
            "image_token_id": 101,
            "image_seq_length": 16,
        },
        {"pixel_values": pixels(3, 3, 32, 32)},
        [(3, 8, 8)],
    ),
    "idefics3": (
        {
            "text_config": {"model_type": "llama", **TEXT},
            "vision_config": clip(kind="idefics3_vision", image=32),
            "image_token_id": 101,
            "scale_factor": 2,
        },
        {"pixel_values": pixels(1, 3, 3, 32, 32)},
        [(3, 8, 8)],
    ),
    "smolvlm": (
        {
            "text_config": {"model_type": "llama", **TEXT},
            "vision_config": clip(kind="smolvlm_vision", image=32),
            "image_token_id": 101,
            "scale_factor": 4,
        },
        {"pixel_values": pixels(1, 2, 3, 32, 32)},
        [(2, 8, 8)],
    ),
    "gemma3": (
        {
            "text_config": {"model_type": "gemma3_text", **TEXT},
            "vision_config": {**clip(kind="siglip_vision_model", image=32), "vision_use_head": False},
            "image_token_index": 101,
            "mm_tokens_per_image": 16,
        },
        {"pixel_values": pixels(2, 3, 32, 32)},
        [(1, 8, 8)] * 2,
    ),
    "qwen2_vl": (
        {
            "text_config": {"model_type": "qwen2_vl_text", **TEXT, "rope_parameters": MROPE},
            "vision_config": qwen_tower(embed_dim=32, hidden_size=48, mlp_ratio=3),
            **QWEN_IDS,
        },
        qwen_inputs((1, 6, 8), (1, 4, 4)),
        [(1, 6, 8), (1, 4, 4)],
    ),
    "qwen2_5_vl": (
        {
            "text_config": {"model_type": "qwen2_5_vl_text", **TEXT, "rope_parameters": MROPE},
            "vision_config": qwen_tower(
                hidden_size=32,
                intermediate_size=40,
                out_hidden_size=48,
                window_size=32,
                fullatt_block_indexes=[1],
            ),
            **QWEN_IDS,
        },
        qwen_inputs((1, 10, 14), (1, 4, 6)),
        [(1, 10, 14), (1, 4, 6)],
    ),
    "qwen3_vl": (
        {
            "text_config": {
                "model_type": "qwen3_vl_text",
                **TEXT,
                "rope_parameters": {**MROPE, "mrope_interleaved": True},
            },
            "vision_config": qwen_tower(
                hidden_size=32,
                intermediate_size=40,
                out_hidden_size=48,
                num_position_embeddings=64,
                deepstack_visual_indexes=[0, 2],
            ),
            **QWEN_IDS,
        },
        qwen_inputs((1, 6, 8)),
        [(1, 6, 8)],
    ),
}
