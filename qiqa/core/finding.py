"""What was noticed on the way, and what a person decided."""

from __future__ import annotations

import dataclasses
import enum

__all__ = ["Finding", "Severity"]


class Severity(enum.StrEnum):
    """How much a finding matters."""

    INFO = "info"
    """Good to know; no number depends on it."""
    WARNING = "warning"
    """A person should look; numbers stand."""
    ERROR = "error"
    """Something was left out or refused because of it."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was noticed, with a stable code, where, and what to do."""

    code: str
    """Stable snake_case name, for instance `unreadable_file`, `conflicting_copies`."""
    severity: Severity
    message: str
    where: str | None = None
    """File, folder or series the finding is about."""
    hint: str | None = None
    series_uid: str | None = None
