"""All checks of a training set, wherever they are done."""

from __future__ import annotations

from qiqa.core.vetting import Check
from qiqa.io.scan import checks as file_checks
from qiqa.vetting.checking import EXAMINATION, checks
from qiqa.vetting.standing import DECISIONS

__all__ = ["known_checks"]


def known_checks() -> tuple[Check, ...]:
    """Return every check in the order of names: their codes are what a policy may rule on."""
    found = (EXAMINATION, DECISIONS, *file_checks(), *checks())
    return tuple(sorted(found, key=lambda check: check.name))
