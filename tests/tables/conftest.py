"""The study that these tests look at."""

from tests.tables.scored_study import study  # noqa: F401
