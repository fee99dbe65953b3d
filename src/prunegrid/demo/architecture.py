"""Build the untrained demo model, a small LLaVA-1.5, and its processor."""

from collections.abc import Iterable
from typing import cast

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from torch import nn
from transformers import (
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.llama.modeling_llama import LlamaDecoderLayer

from prunegrid.demo.drawing import PATCH, SIDE
from prunegrid.demo.scene import GRID

BOS, EOS, PAD, IMAGE = "<s>", "</s>", "<pad>", "<image>"
IMAGE_TOKENS = GRID * GRID
PLACE_SCALE = 0.3
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'user' %}{{ 'USER: ' }}"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] if part['type'] == 'image' %}{{ '<image>\n' }}{% endfor %}"
    "{% for part in message['content'] if part['type'] == 'text' %}{{ part['text'] }}{% endfor %}"
    "{% endif %}{{ ' ' }}"
    "{% elif message['role'] == 'assistant' %}{{ 'ASSISTANT:' }}"
    "{% generation %}"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] if part['type'] == 'text' %}{{ part['text'] }}{% endfor %}"
    "{% endif %}{{ '</s>' }}{% endgeneration %}"
    "{% elif message['content'] is string %}{{ message['content'] + ' ' }}"
    "{% else %}{% for part in message['content'] %}{{ part['text'] + ' ' }}{% endfor %}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"
)


def build_processor(corpus: Iterable[str]) -> LlavaProcessor:
    """Train a byte-level BPE tokenizer on `corpus` and wrap it with CLIP's PIL image processor."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=1024,
        min_frequency=2,
        special_tokens=[PAD, BOS, EOS, IMAGE],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(corpus, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A", special_tokens=[(BOS, tokenizer.token_to_id(BOS))]
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=BOS,
        eos_token=EOS,
        pad_token=PAD,
        extra_special_tokens={"image_token": IMAGE},
        padding_side="left",
        clean_up_tokenization_spaces=False,
        model_max_length=2048,
    )
    images = CLIPImageProcessorPil(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE})
    return LlavaProcessor(
        image_processor=images,
        tokenizer=fast,
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=CHAT_TEMPLATE,
    )


def build_model(processor: LlavaProcessor) -> LlavaForConditionalGeneration:
    """Return the untrained model; seed torch before the call."""
    tokenizer = processor.tokenizer
    vision = CLIPVisionConfig(
        hidden_size=192,
        intermediate_size=384,
        num_hidden_layers=3,
        num_attention_heads=6,
        image_size=SIDE,
        patch_size=PATCH,
        projection_dim=128,
    )
    text = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=8,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=2048,
        initializer_range=0.06,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    config = LlavaConfig(
        vision_config=vision,
        text_config=text,
        image_token_index=tokenizer.convert_tokens_to_ids(IMAGE),
        image_seq_length=IMAGE_TOKENS,
        vision_feature_layer=-1,
        vision_feature_select_strategy="default",
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,  # type: ignore[call-arg]  # a field of every configuration
    )
    model = LlavaForConditionalGeneration(config)
    _pair_words(cast(nn.Embedding, model.get_input_embeddings()).weight, tokenizer.get_vocab())
    _silence(model.model.language_model.layers)
    _place_patches(model.model.vision_tower.embeddings.position_embedding.weight)
    model.generation_config.update(
        do_sample=False,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return model


@torch.no_grad()
def _pair_words(table: torch.Tensor, vocabulary: dict[str, int]) -> None:
    """Set the embedding of a word without a space before it to that of the word with one.

    Patches are aligned with words after a space; what attention copies from them is then an answer.
    """
    for token, number in vocabulary.items():
        spaced = vocabulary.get(f"\u0120{token}")
        if spaced is not None:
            table[number] = table[spaced]


@torch.no_grad()
def _silence(layers: Iterable[LlamaDecoderLayer]) -> None:
    """Set the decoder's layers to the identity: random ones hide the words that its input holds."""
    for layer in layers:
        layer.self_attn.o_proj.weight.zero_()
        layer.mlp.down_proj.weight.zero_()


@torch.no_grad()
def _place_patches(embeddings: torch.Tensor) -> None:
    """Add sines of row and column to the patches' position embeddings, (1 + 64, hidden).

    From random ones, patch labels alone never teach the tower to carry places.
    """
    quarter = embeddings.shape[1] // 4
    angles = torch.linspace(-1, 1, GRID)[:, None] * torch.linspace(0.5, 6, quarter)
    waves = torch.cat([angles.sin(), angles.cos()], dim=1)
    rows = waves[:, None].expand(GRID, GRID, -1)
    columns = waves[None, :].expand(GRID, GRID, -1)
    embeddings[1:] += PLACE_SCALE * torch.cat([rows, columns], dim=2).flatten(0, 1)
