"""Measurements against the limits of a protocol: how a value becomes a verdict."""

from qiqa.assess.limits import assess
from qiqa.assess.missing import reopened, unanswered

__all__ = ["assess", "reopened", "unanswered"]
