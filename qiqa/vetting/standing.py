"""Whether a person's decision still fits the series that it was made on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from qiqa.core.canonical import digest, storable
from qiqa.core.finding import Severity
from qiqa.core.vetting import Check, Needs, Observation, Override, Reason
from qiqa.vetting.signature.digest import DIGEST_BYTES

__all__ = ["DECISIONS", "lapse", "row_digest", "seen_digest"]

DECISIONS = Check(
    name="decisions",
    needs=Needs.SET,
    title="Decisions of persons still fit",
    reasons=(
        Reason(
            code="decision_lapsed",
            severity=Severity.WARNING,
            title="a person's decision no longer fits",
            meaning="A person let it be used; since then its images, headers or measures have "
            "changed, or more speaks against it than the person knew of.",
        ),
    ),
)
_DIGITS = 3
"""Of values that are compared: another processor may round the last of them otherwise."""


def seen_digest(
    files: int, size: int, signature: bytes, observations: Iterable[Observation]
) -> str:
    """Return 16 hex digits that differ where a series is not what it was.

    Parameters
    ----------
    files, size
        How many files it has, and their bytes together.
    signature
        Of its pixels, which begins with the digest of their values; empty where there is none.
    observations
        What checks of the series by itself saw; wording and place do not count: a place may be the
        path of a file, and a set that was moved is the same.
    """
    seen = sorted((one.code, f"{one.value:.{_DIGITS}g}") for one in observations)
    return digest(storable([files, size, signature[:DIGEST_BYTES].hex(), seen]))[:16]


def row_digest(names: Sequence[str], values: NDArray[np.float32]) -> str:
    """Return 16 hex digits that differ where a row of a table without images is another.

    Its name may be the number of its line, which says nothing of a table that was sorted anew.

    Parameters
    ----------
    names
        Of the p features.
    values
        (p,), of the row; NaN where nothing is known.
    """
    what = "\n".join(names).encode("utf-8", "backslashreplace")
    return hashlib.sha256(what + values.astype("<f4").tobytes()).hexdigest()[:16]


def lapse(seen: str, reasons: Iterable[str], person: Override) -> Observation | None:
    """Return what is said where a person's decision no longer fits; None where it does.

    What keeps a series out holds on: only a person lets it in again.

    Parameters
    ----------
    seen
        `SeriesSeen.seen` now.
    reasons
        Codes by which the policy calls for something now.
    person
        The decision.
    """
    if not person.admits:
        return None
    more = sorted(set(reasons) - set(person.reasons))
    changed = seen != person.seen
    if not (more or changed):
        return None
    if seen and not person.seen:
        # an earlier version did not keep it
        why = ["what was seen of it then is not on record"]
    else:
        why = ["what is seen of it is not what was seen then"] if changed else []
        why += [f"since then also {', '.join(more)}"] if more else []
    decided = f"{person.who} decided {person.action} on {person.at:%Y-%m-%d}"
    evidence = f"{decided}: {person.reason}; {'; '.join(why)}"
    return Observation(code="decision_lapsed", evidence=evidence)
