"""Whether a person is named: in attributes, private elements, text, or the name of the file.

The answer lists attributes, never their values. A value that an anonymizer put there is no
identity; where nothing in a header names a person, its ID is taken for a pseudonym.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator

from qiqa.core.finding import Severity
from qiqa.core.vetting import Check, Needs, Observation, Reason
from qiqa.io.deid.rules import load_rules
from qiqa.io.deid.wording import identity_words, names_participant
from qiqa.io.scan.numbers import identity_number
from qiqa.io.scan.persons import (
    Personal,
    birth_day,
    is_dummy,
    is_object,
    looked_at,
    name_words,
    personal,
    sequence_name,
    titled,
)
from qiqa.io.scan.record import Nested, Record
from qiqa.io.scan.values import Decoder, Raw
from qiqa.io.tags import TAGS

__all__ = ["CHECK", "CODES", "Watch"]

_NAME, _ID, _BORN = (TAGS[k][0] for k in ("PatientName", "PatientID", "PatientBirthDate"))
_OTHER_IDS = 0x00101002
"""Other Patient IDs Sequence: IDs besides the one that every set needs."""
_METHOD = TAGS["DeidentificationMethod"][0]
_REMOVED, _QC = TAGS["PatientIdentityRemoved"][0], TAGS["QualityControlSubject"][0]
_SHIFTED = TAGS["LongitudinalTemporalInformationModified"][0]
_SHORTEST_NAME, _SHORTEST_ID = 4, 5
_SEPARATORS = frozenset(b"\x00\t\n\r ^,._-=\"'/\\:;()[]<>|")
_LENGTHS = frozenset(range(32))
"""Bytes that may stand before a text as its length. Beside four letters they do not count: in
100 kB of numbers four letters between any two of these come once in some ten thousand headers."""
_WORDS = re.compile(r"[^\W_]+")

CHECK = Check(
    name="identity",
    needs=Needs.FILE,
    title="Does a header, or the name of a file, tell who was imaged?",
    reasons=(
        Reason(
            code="identity_in_header",
            severity=Severity.ERROR,
            title="names a person",
            meaning="Attributes hold names, dates of birth, addresses or numbers of a person. "
            "The value is how many attributes.",
        ),
        Reason(
            code="identity_in_private",
            severity=Severity.ERROR,
            title="name in private elements",
            meaning="Private elements of the vendor repeat the name, ID or date of birth that "
            "the header states. The value is how many blocks of them.",
        ),
        Reason(
            code="identity_in_text",
            severity=Severity.ERROR,
            title="name in a description",
            meaning="A description or comment names the patient, addresses somebody, or states a "
            "date of birth. The value is how many attributes.",
        ),
        Reason(
            code="identity_in_file_name",
            severity=Severity.ERROR,
            title="name in the path",
            meaning="A folder or file is called by the patient's name, ID or date of birth. The "
            "value is how many files.",
        ),
        Reason(
            code="identity_claimed_removed",
            severity=Severity.ERROR,
            title="said to be removed, still there",
            meaning="Patient Identity Removed says YES, and a person is named all the same: what "
            "else that step was to do cannot be relied on. The value is how many attributes.",
        ),
    ),
)
CODES = tuple(reason.code for reason in CHECK.reasons)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Person:
    """What one set of values says; the same for all files of a series."""

    in_header: tuple[str, ...]
    in_text: tuple[str, ...]
    claimed: bool
    words: frozenset[str]
    """Words of the name and ID, and the date of birth, in lower case; empty: nobody known."""
    tokens: tuple[bytes, ...]
    """The same as upper-case bytes, long enough to be told from chance."""


@dataclasses.dataclass(slots=True)
class Watch:
    """Looks at record after record; remembers the sets of values seen before."""

    tables: Personal = dataclasses.field(default_factory=personal)
    known: dict[tuple[frozenset[Raw], tuple[Nested, ...]], _Person] = dataclasses.field(
        default_factory=dict
    )
    asked: frozenset[int] = dataclasses.field(
        default_factory=lambda: looked_at() | {_ID, _REMOVED, _METHOD, _SHIFTED, _QC}
    )

    def look(self, record: Record, decoder: Decoder, path: str) -> Iterator[Observation]:
        """Yield what is seen in one file.

        Parameters
        ----------
        record, decoder
            Its elements, and what decodes them.
        path
            Below the folder given.
        """
        found = record.found
        key = frozenset([found[tag] for tag in found.keys() & self.asked]), record.nested
        person = self.known.get(key)
        if person is None:
            person = self.known[key] = _person(record, decoder, self.tables)
        if person.in_header:
            yield _named("identity_in_header", person.in_header, path)
            if person.claimed:
                yield _named("identity_claimed_removed", person.in_header, path)
        if person.in_text:
            yield _named("identity_in_text", person.in_text, path)
        if person.words and _in_path(path, person.words):
            text = "a part of the path is the patient's name, ID or date of birth"
            yield Observation(code="identity_in_file_name", evidence=text, where=path)
        blocks = tuple(_in_private(record, person.tokens)) if person.tokens else ()
        if blocks:
            yield _named("identity_in_private", tuple(sorted(set(blocks))), path)


def _named(code: str, names: tuple[str, ...], path: str) -> Observation:
    return Observation(code=code, value=float(len(names)), evidence=", ".join(names), where=path)


@dataclasses.dataclass(frozen=True, slots=True)
class _Stated:
    """One value of an attribute that may name a person."""

    tag: int
    value: str
    keyword: str
    """Of the attribute; inside a sequence with where that is."""
    sequence: int = 0
    """Of the top level that it is in; 0: in none."""


def _stated(record: Record, decoder: Decoder, tables: Personal) -> Iterator[_Stated]:
    """Yield all values looked at, those of the top level first."""
    keywords = {**tables.names, **tables.others, **tables.texts, _ID: "PatientID"}
    for tag in record.found.keys() & keywords.keys():
        yield _Stated(tag, _text(record.found[tag], decoder), keywords[tag])
    for sequence, raw in record.nested:
        keyword = f"{keywords[raw[0]]} in {sequence_name(sequence)}"
        yield _Stated(raw[0], _text(raw, decoder), keyword, sequence)


def _text(raw: Raw | None, decoder: Decoder) -> str:
    return " ".join(map(str, decoder.values(raw)))


def _person(record: Record, decoder: Decoder, tables: Personal) -> _Person:
    def text(tag: int) -> str:
        return _text(record.found.get(tag), decoder)

    patient_id = text(_ID)
    stated = tuple(_stated(record, decoder, tables))
    thing = is_object(text(_NAME), patient_id) or text(_QC).upper() == "YES"
    claimed = text(_REMOVED).upper() == "YES"
    replaced = claimed or bool(text(_METHOD))
    shifted = claimed and text(_SHIFTED).upper() == "MODIFIED"
    own: dict[str, None] = {}
    born: dict[str, None] = {}
    named: list[str] = []
    for one in stated:
        if one.tag in tables.names:
            of_patient = one.tag == _NAME
            told = name_words(one.value, patient_id)
            if told and not (of_patient and (thing or is_object(one.value, ""))):
                named.append(one.keyword)
                own.update(dict.fromkeys(told) if of_patient else {})
        elif one.tag == _BORN:
            day = "" if shifted or thing else birth_day(one.value)
            named += [one.keyword] if day else []
            born.update({day: None} if day else {})
        elif one.tag in tables.others or one.sequence == _OTHER_IDS:
            number = not is_dummy(one.value) and _means(one.value, patient_id)
            if number and not (replaced or thing):
                named.append(one.keyword)
        elif one.tag == _ID and not one.sequence and (kind := identity_number(one.value, replaced)):
            named.append(f"{one.keyword} ({kind})")
    real_id = patient_id if (own or born) and _is_number(patient_id) else ""
    words = frozenset((*own, *((real_id.casefold(),) if real_id else ())))
    typed = [s.keyword for s in stated if s.tag in tables.texts and _tells(s.value, words, born)]
    tokens = [w for w in own if len(w) >= _SHORTEST_NAME]
    tokens += [t for t in (real_id, *born) if len(t) >= _SHORTEST_ID]
    return _Person(
        in_header=tuple(sorted(set(named))),
        in_text=tuple(sorted(set(typed))),
        claimed=claimed,
        words=words.union(born),
        tokens=tuple(t.encode(decoder.charset, "ignore").upper() for t in tokens),
    )


def _means(value: str, patient_id: str) -> bool:
    """Say whether a number or address is more than a dummy (`1`, `19000101`, the pseudonym)."""
    digits = value.replace(".", "").replace(":", "")
    dummy = digits.startswith("19000101") or not digits.strip("0")
    return len(value) >= _SHORTEST_ID and not dummy and value.casefold() != patient_id.casefold()


def _is_number(patient_id: str) -> bool:
    return len(patient_id) >= _SHORTEST_ID and any(c.isdigit() for c in patient_id)


def _tells(text: str, words: frozenset[str], born: Iterable[str]) -> bool:
    """Say whether a text names the patient (no MR term counts), or addresses somebody."""
    if titled(text) or any(day in text for day in born):
        return True
    whole = {word for word in words if not word.isalpha()}
    if any(word in text.casefold() for word in whole):
        return True
    return names_participant(text, identity_words(words), load_rules().words)


def _in_path(path: str, words: frozenset[str]) -> bool:
    """Say whether a part of a path is one of the words."""
    lower = path.casefold()
    if not any(word in lower for word in words):
        return False
    pieces = set(_WORDS.findall(lower))
    return any(
        word in pieces or (not word.isalpha() and _stands_alone(word, lower)) for word in words
    )


def _stands_alone(word: str, text: str) -> bool:
    return re.search(rf"(?<![^\W_]){re.escape(word)}(?![^\W_])", text) is not None


def _in_private(record: Record, tokens: tuple[bytes, ...]) -> Iterator[str]:
    """Yield the groups of private elements that hold one of the tokens between separators."""
    for tag, start, end in record.private:
        upper = record.data[start:end].upper()
        group = (tag >> 16).to_bytes(2, "little").upper()
        if any(token in upper and _apart(token, upper, group) for token in tokens):
            yield f"group {tag >> 16:04X}"


def _apart(token: bytes, data: bytes, group: bytes) -> bool:
    """Say whether a token stands alone: short ones occur in numbers by chance.

    Behind it may stand the next element of the same group.
    """
    apart = _SEPARATORS | _LENGTHS if len(token) > _SHORTEST_NAME else _SEPARATORS
    at = data.find(token)
    while at >= 0:
        before = data[at - 1] if at else 0
        rest = data[at + len(token) : at + len(token) + 2]
        if before in apart and (not rest or rest[0] in apart or rest == group):
            return True
        at = data.find(token, at + 1)
    return False
