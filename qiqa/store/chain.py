"""The hash chains: each stored exam or record seals itself and everything before it."""

from __future__ import annotations

import datetime as dt
import hashlib

from qiqa.core.canonical import digest

__all__ = ["GENESIS", "seal", "seal_record", "sha256_text"]

GENESIS = "0" * 64
"""What the first exam, and the first record, follows."""


def sha256_text(text: str) -> str:
    """Return the SHA-256 (hex) of a text in UTF-8."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def seal(
    previous: str,
    payload_sha256: str,
    *,
    identity: str,
    created_at: dt.datetime,
    created_by: str,
    supersedes: int | None,
    reason: str | None,
) -> str:
    """Return the chain value of a row: SHA-256 over the previous one, the payload and the record.

    The record (who stored it when, what it supersedes and why) is not in the payload, so it is
    sealed here; `created_at` is UTC without zone, as stored.
    """
    return digest(
        {
            "previous": previous,
            "payload_sha256": payload_sha256,
            "identity": identity,
            "created_at": created_at,
            "created_by": created_by,
            "supersedes": supersedes,
            "reason": reason,
        }
    )


def seal_record(
    previous: str,
    content: str,
    *,
    kind: str,
    scanner: str | None,
    created_at: dt.datetime,
    created_by: str,
) -> str:
    """Return the chain value of a record: SHA-256 over the previous one and all of its columns.

    `content` is the canonical JSON as stored, `created_at` is UTC without zone.
    """
    return digest(
        {
            "previous": previous,
            "content_sha256": sha256_text(content),
            "kind": kind,
            "scanner": scanner,
            "created_at": created_at,
            "created_by": created_by,
        }
    )
