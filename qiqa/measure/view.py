"""A located series as measurements see it."""

from __future__ import annotations

import dataclasses

from qiqa.core.phantom import Phantom
from qiqa.core.pose import PhantomPose
from qiqa.core.series import Series

__all__ = ["View"]


@dataclasses.dataclass(frozen=True, eq=False)
class View:
    """One series with its pose."""

    series: Series
    pose: PhantomPose
    phantom: Phantom
    role: str
    volume: int = 0
    """Which volume of the series is measured, for instance the second echo."""

    @property
    def kind(self) -> str:
        """Which families of tests measure it."""
        return self.pose.kind
