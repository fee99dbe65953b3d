"""Step: the model is whole, and its prompts are what it was trained on: one BOS, an end, all image tokens."""

from __future__ import annotations

from typing import Any

from prunegrid.checks.finding import Finding
from prunegrid.checks.subject import Subject

STEP = "loads whole"
_ANSWER = "Yes"


def whole_model(subject: Subject) -> Finding:
    """Check weights, the end of a turn, the beginning of a prompt and its image tokens."""
    prompt, tokenizer = subject.few[-1], subject.loaded.processor.tokenizer
    faults = _weights(subject)
    image_id = subject.loaded.family.image_token_id(subject.model.config)
    counts = sorted({int((one.input_ids == image_id).sum()) for one in subject.prompts})
    if subject.image_tokens is not None and counts != [subject.image_tokens]:
        faults.append(f"prompts have {counts} image tokens, the catalogue says {subject.image_tokens}")
    if not counts[0]:
        faults.append("a prompt has no image token")
    bos = tokenizer.bos_token_id
    begins = sorted({int((one.input_ids == bos).sum()) for one in subject.prompts if bos is not None})
    if bos is not None and begins != [1]:
        faults.append(f"prompts have {begins} BOS tokens ({tokenizer.bos_token!r}), not one")
    ends, turn = _ends(subject), _end_of_turn(subject)
    end_names = tokenizer.convert_ids_to_tokens(ends)
    if turn is not None and turn not in ends:
        token = tokenizer.convert_ids_to_tokens(turn)
        faults.append(f"{token!r} ends a turn, but generation ends at {end_names}")
    says = "; ".join(faults) or (
        f"{counts[0] if len(counts) == 1 else f'{counts[0]} to {counts[-1]}'} image tokens, "
        f"{'no' if bos is None else 'one'} BOS, ends at {end_names}"
    )
    figures = {"image_tokens": counts, "ends": ends, "prompt_tokens": len(prompt.input_ids)}
    return Finding(STEP, not faults, says, figures)


def _weights(subject: Subject) -> list[str]:
    """Return the weights that are not numbers, or are nowhere."""
    names = [
        name
        for name, weight in subject.model.named_parameters()
        if weight.is_meta or not bool(weight.sum().isfinite() or weight.isfinite().all())
    ]
    return [f"{len(names)} weights are not finite, {names[0]} first"] if names else []


def _ends(subject: Subject) -> list[int]:
    ends: Any = subject.model.generation_config.eos_token_id
    return [] if ends is None else list(ends) if isinstance(ends, list) else [ends]


def _end_of_turn(subject: Subject) -> int | None:
    """Return the first special token after an answer in the chat's form, else the tokenizer's own end."""
    processor = subject.loaded.processor
    tokenizer = processor.tokenizer
    own: int | None = tokenizer.eos_token_id
    user: Any = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "?"}]}
    reply: Any = {"role": "assistant", "content": [{"type": "text", "text": _ANSWER}]}
    try:
        text: Any = processor.apply_chat_template([user, reply], tokenize=False)
    except Exception:  # A template may raise anything; of an answer it need not know.
        return own
    _, found, after = str(text).rpartition(_ANSWER)
    if not found:
        return own
    special = set(tokenizer.all_special_ids)
    for token in tokenizer.encode(after, add_special_tokens=False):
        if token in special:
            return int(token)
    return own
