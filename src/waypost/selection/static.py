"""`static`: the scores as written, or the order of the rule."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from waypost.configurable import configurable
from waypost.selection.base import Candidate, Facts, Judged, Method


@configurable
class Static(Method):
    """The model with the highest score; among equal ones, or without scores, the first."""

    kind: ClassVar[str] = "static"

    def judge(
        self, candidates: Sequence[Candidate], facts: Facts, slack: Mapping[str, float]
    ) -> Sequence[Judged]:
        """The candidate's own score."""
        return [self._judge(candidate, slack.get(candidate.endpoint.name, 0.0)) for candidate in candidates]

    def _judge(self, candidate: Candidate, slack: float) -> Judged:
        if not slack:
            return Judged(candidate.score)
        return Judged((candidate.score or 0.0) + slack, {"kept": slack})

    def why(self, facts: Facts) -> str:
        """Scores and order."""
        return "scores and order of the rule"
