"""Correction of a scanner by its phantom, and where it holds."""
