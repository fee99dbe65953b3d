"""LLaVA-NeXT (LLaVA-1.6): tiles of one picture, rows ended by a learned newline."""

from typing import ClassVar

from prunegrid.models.llava import Llava


class LlavaNext(Llava):
    """As LLaVA-1.5 for each tile; newlines stand on image-token ids, so they are image tokens too."""

    one_tile: ClassVar[bool] = False
