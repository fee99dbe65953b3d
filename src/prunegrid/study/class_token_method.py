"""What methods that read a vision tower's class token have in common: the families that have none."""

from typing import ClassVar

from prunegrid.study.method import Method


class ClassTokenMethod(Method):
    """Base of methods that cannot serve a family whose tower has no class token."""

    cannot: ClassVar[dict[str, str]] = {
        "gemma3": "SigLIP has no [CLS] token",
        "idefics3": "SigLIP has no [CLS] token",
        "llava_onevision": "SigLIP has no [CLS] token",
        "qwen2_5_vl": "its tower has no [CLS] token",
        "qwen2_vl": "its tower has no [CLS] token",
        "qwen3_vl": "its tower has no [CLS] token",
        "smolvlm": "SigLIP has no [CLS] token",
    }
