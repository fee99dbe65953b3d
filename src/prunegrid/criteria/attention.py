"""HiMAP's criterion: phi_sh in shallow stages, phi_dp in deep ones (arXiv 2503.13108)."""

from dataclasses import dataclass

from prunegrid.criteria.staged import Staged


@dataclass(frozen=True, kw_only=True)
class Attention(Staged):
    """`staged` with attention_shallow and attention_deep."""
