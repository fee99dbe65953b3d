"""The text of a prompt: one user turn with its images, through the model's own chat template."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase, ProcessorMixin

# Vicuna's system prompt, which HiMAP's and FastV's scripts put before the image (docs/protocols.md).
VICUNA = (
    "A chat between a curious human and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the human's questions."
)


def chat_text(
    templates: ProcessorMixin | PreTrainedTokenizerBase,
    text: str,
    system_prompt: str = "none",
    n_images: int = 1,
) -> str:
    """Return the text of one user turn, its images before its text, up to where the answer begins.

    Parameters
    ----------
    templates : ProcessorMixin or PreTrainedTokenizerBase
        Whose chat template it is.
    text : str
        What the user asks.
    system_prompt : str
        `none`: what the template does by itself (Qwen2-VL's has a system turn of its own); `vicuna_v1`.
    n_images : int
        How many images the question is about.
    """
    content = [*({"type": "image"} for _ in range(n_images)), {"type": "text", "text": text}]
    messages: list[dict[str, Any]] = [{"role": "user", "content": content}]
    if system_prompt == "vicuna_v1":
        messages.insert(0, {"role": "system", "content": [{"type": "text", "text": VICUNA}]})
    # A text, as it is not tokenised.
    return cast(str, templates.apply_chat_template(messages, add_generation_prompt=True, tokenize=False))


def adds_special_tokens(tokenizer: PreTrainedTokenizerBase, text: str) -> bool:
    """Return whether the tokenizer must add its special tokens, so that a prompt has exactly one BOS.

    Templates of some models write the first token (Gemma 3, Idefics3), others leave it to the tokenizer.
    The rule is that of transformers' `ProcessorMixin.apply_chat_template(tokenize=True)`.
    """
    return tokenizer.bos_token is None or not text.startswith(tokenizer.bos_token)
