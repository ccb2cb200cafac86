"""Pseudonyms and shifted dates from one secret key: repeatable, without a table of who is who.

Everything is HMAC-SHA256 (RFC 2104) of a text under the key, with a word for what it is for, so
that no two uses share a value. Who has no key can neither undo nor link; who has it can do both.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import hmac
import re

from qiqa.core.errors import UsageError
from qiqa.core.scanner import Scanner

__all__ = [
    "LONGEST_SHIFT_DAYS",
    "SHORTEST_KEY_BYTES",
    "PseudonymKey",
    "is_participant_pseudonym",
    "participant_pseudonym",
    "pseudonym",
    "serial_pseudonym",
    "shift",
    "shift_days",
    "uid_pseudonym",
    "unshift",
]

SHORTEST_KEY_BYTES = 32
"""As long as the output of SHA-256: a shorter key is weaker than the function (RFC 2104, 3)."""
LONGEST_SHIFT_DAYS = 3650

_MAKERS = (
    *("SIEMENS", "GE", "PHILIPS", "CANON", "TOSHIBA", "UIH", "UNITED", "HITACHI", "FUJIFILM"),
    *("HYPERFINE", "BRUKER", "AGILENT", "VARIAN", "ESAOTE", "PARAMED", "MR"),
)
"""First words of an identity that name a maker and so no site."""
_OF_PARTICIPANT = re.compile(r"P[A-Z2-7]{16}\Z")
_OF_SCANNER = re.compile(r"(?:\S+ )?S[A-Z2-7]{16}\Z")


@dataclasses.dataclass(frozen=True, slots=True)
class PseudonymKey:
    """The secret. Never shown, never stored beside what was made with it.

    Raises
    ------
    UsageError
        If it is shorter than 32 bytes.
    """

    secret: bytes = dataclasses.field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) < SHORTEST_KEY_BYTES:
            raise UsageError(
                f"the key has {len(self.secret)} bytes, at least {SHORTEST_KEY_BYTES} are needed",
                hint="name a file that does not exist: a key is made there",
            )

    def digest(self, use: str, *texts: str) -> bytes:
        """Return the 32 bytes that belong to texts in one use; lengths keep texts apart."""
        parts = [text.encode("utf-8", "surrogatepass") for text in (use, *texts)]
        message = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
        return hmac.digest(self.secret, message, "sha256")


def _letters(key: PseudonymKey, use: str, text: str) -> str:
    """Return 16 letters and digits, 80 bits: no two alike in any trial."""
    return base64.b32encode(key.digest(use, text)[:10]).decode("ascii")


def participant_pseudonym(patient_id: str, key: PseudonymKey) -> str:
    """Return what stands for a participant in names and IDs; blanks around the ID do not count."""
    return f"P{_letters(key, 'participant', patient_id.strip())}"


def is_participant_pseudonym(text: str) -> bool:
    """Say whether a PatientID has the form that `participant_pseudonym` gives."""
    return _OF_PARTICIPANT.match(text) is not None


def serial_pseudonym(identity: str, key: PseudonymKey) -> str:
    """Return what stands for the serial number of the scanner with this identity."""
    return f"S{_letters(key, 'scanner', identity)}"


def pseudonym(scanner: Scanner | str, key: PseudonymKey) -> str | None:
    """Return the identity that a scanner has in de-identified images; None where it has none.

    Parameters
    ----------
    scanner
        A scanner, or its `identity` as histories and exports give it.
    key
        The key that the images were de-identified with.

    Returns
    -------
    str or None
        The maker's word and a pseudonym in place of the serial number. `Scanner.identity` of a
        de-identified image is the same text. The maker is left out where the identity is a name
        that somebody gave.
    """
    identity = scanner if isinstance(scanner, str) else scanner.identity
    if identity is None:
        return None
    first, blank, _ = identity.partition(" ")
    given = isinstance(scanner, Scanner) and scanner.given_name is not None
    known = first.startswith(_MAKERS) if isinstance(scanner, str) else not given
    serial = serial_pseudonym(identity, key)
    return f"{first} {serial}" if blank and known else serial


def uid_pseudonym(uid: str, key: PseudonymKey) -> str:
    """Return the UID that stands for another one: 2.25 and a UUID's worth of bits (PS3.5 B.2)."""
    return f"2.25.{int.from_bytes(key.digest('uid', uid)[:16], 'big')}"


def shift_days(who: str, key: PseudonymKey) -> int:
    """Return by how many days the dates of a participant or scanner were moved back, 1 to 3650.

    Parameters
    ----------
    who
        Pseudonym of the participant (PatientID of de-identified images) or of the scanner.
    key
        The key that the images were de-identified with.

    Raises
    ------
    UsageError
        If `who` is no pseudonym: a real ID would give a date that is plausible and wrong.
    """
    if not (_OF_PARTICIPANT.match(who) or _OF_SCANNER.match(who)):
        raise UsageError(
            f"{who!r} is no pseudonym of a participant or scanner",
            hint="participant_pseudonym(patient_id, key) makes it from an ID",
        )
    # the serial alone: the maker's word may stand before it or not
    return (
        1
        + int.from_bytes(key.digest("dates", who.rpartition(" ")[2])[:8], "big")
        % LONGEST_SHIFT_DAYS
    )


def shift(date: dt.date, who: str, key: PseudonymKey) -> dt.date:
    """Return the date (or moment) that stands in de-identified images; errors of `shift_days`."""
    return date - dt.timedelta(days=shift_days(who, key))


def unshift(date: dt.date, who: str, key: PseudonymKey) -> dt.date:
    """Return the true date (or moment) of one in de-identified images; errors of `shift_days`.

    It is what the question "was the scanner in control on that day?" needs, and only the holder
    of the key can ask it.
    """
    return date + dt.timedelta(days=shift_days(who, key))
