"""A-OKVQA: accuracy by FastV's `contains`, and by `letter`, the option that the text gives as its answer."""

from dataclasses import dataclass
from typing import ClassVar

from prunegrid.scoring.answers import letters, option
from prunegrid.scoring.choice import ChoiceScorer, Rule, reads


@dataclass(frozen=True, kw_only=True)
class Aokvqa(ChoiceScorer):
    """Multiple choice where the prompt asks for the letter."""

    headline_variant: ClassVar[str] = "letter"
    variants: ClassVar[tuple[str, ...]] = ("letter", "contains")

    def rules(self) -> dict[str, Rule]:
        """Return both rules."""
        return {
            "letter": lambda output, gold, choices: reads(option.letter(output, choices), gold),
            "contains": lambda output, gold, choices: (letters.contains(output, gold), None),
        }
