"""A straight line through the logarithms, weights S squared: closed form."""

from __future__ import annotations

from types import ModuleType

from qiqa.core.signal_model import Points
from qiqa.fitting.engines import Plan
from qiqa.fitting.engines.log_linear import straight_line

__all__ = ["ALGORITHM", "LOGARITHMS", "METHOD", "plan"]

ALGORITHM = "log_weighted/1"
METHOD = "straight line through the logarithms of the signal, weights S squared"
LOGARITHMS = True


def plan(module: ModuleType, points: Points, b1: bool) -> Plan:
    """Return a model ready to be fitted to `points`."""
    del b1
    return straight_line(module, points, weighted=True)
