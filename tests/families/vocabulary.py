"""A tokenizer of bytes with a family's special tokens: every text can be encoded, nothing is downloaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast


def byte_tokenizer(
    special: Mapping[str, str], named: Mapping[str, str], others: Sequence[str] = (), adds_bos: bool = False
) -> PreTrainedTokenizerFast:
    """Return a tokenizer.

    Parameters
    ----------
    special : mapping
        `pad_token`, `eos_token` and, where there is one, `bos_token`.
    named : mapping
        Special tokens that a processor looks up by attribute, such as `image_token`.
    others : sequence of str
        Further special tokens.
    adds_bos : bool
        Put the first token before every text, as Llama's and Gemma's tokenizers do.
    """
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = list(dict.fromkeys([*special.values(), *named.values(), *others]))
    vocabulary = {token: place for place, token in enumerate([*tokens, *letters])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in tokens])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    if adds_bos:
        bos = special["bos_token"]
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A", pair=f"{bos} $A {bos} $B", special_tokens=[(bos, vocabulary[bos])]
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        padding_side="left",
        extra_special_tokens=dict(named),
        **special,
    )
