"""Scanners against references and each other: wrong labels, bias, claims, certificates."""
