"""What verifying says of something that is not as it was stored."""

from __future__ import annotations

from qiqa.core.finding import Finding, Severity

__all__ = ["altered"]


def altered(code: str, message: str, where: str) -> Finding:
    """Return the finding that `where` (exam or record with its number) was altered."""
    return Finding(
        code=code,
        severity=Severity.ERROR,
        message=message,
        where=where,
        hint="restore the database from a backup; do not rely on it until then",
    )
