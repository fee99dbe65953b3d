"""ScienceQA-IMG: accuracy by HiMAP's `strict`, lmms-eval's `lmms` and LLaVA's `llava` rule.

From 2024-07-30 to 2025-07-04 lmms-eval lower-cased the output before it looked for a capital `X.`, and never
found one. That is history; `lmms_lowered` is kept to compare with numbers of that year.
"""

from dataclasses import dataclass
from typing import ClassVar

from prunegrid.scoring.answers import letters, option
from prunegrid.scoring.choice import ChoiceScorer, Rule, reads


@dataclass(frozen=True, kw_only=True)
class Scienceqa(ChoiceScorer):
    """Multiple choice with two to five options."""

    headline_variant: ClassVar[str] = "lmms"
    variants: ClassVar[tuple[str, ...]] = ("lmms", "lmms_lowered", "strict", "llava")

    def rules(self) -> dict[str, Rule]:
        """Return the rules; for `lmms` the letter it is read as is that of our `letter` rule."""
        return {
            "lmms": lambda output, gold, choices: (
                letters.lmms(output, gold),
                option.letter(output, choices),
            ),
            "lmms_lowered": lambda output, gold, choices: (letters.lmms_lowered(output, gold), None),
            "strict": lambda output, gold, choices: (letters.equals(output, gold), None),
            "llava": lambda output, gold, choices: reads(letters.llava(output, len(choices)), gold),
        }
