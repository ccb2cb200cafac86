"""Shift and scale of every batch, learned from a table of features and taken off rows."""

from qiqa.harmonize.combat.correcting import apply, fit

__all__ = ["apply", "fit"]
