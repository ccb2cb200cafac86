"""Uncertainty budgets, coverage intervals, and the statistics of noise in magnitude images."""
