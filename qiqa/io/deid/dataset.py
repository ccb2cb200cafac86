"""A data set built anew: every element is decided upon, none is carried over for want of a rule."""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from qiqa.core.pseudonyms import PseudonymKey, uid_pseudonym
from qiqa.io.deid.csa import cleaned_csa
from qiqa.io.deid.rules import PrivateRule, Rules
from qiqa.io.deid.values import (
    NUMERIC,
    coded,
    each,
    known_or_other,
    matches,
    moved,
    number,
    plain_text,
    time,
)  # fmt: skip
from qiqa.io.deid.wording import clean_description, diffusion_comment, names_participant

if TYPE_CHECKING:
    from pydicom import DataElement, Dataset

__all__ = ["Plan", "Tally", "clean_dataset", "identity_texts", "readable"]

_DUMMY = "REMOVED"
_DUMMIES = {"DA": "19000101", "DT": "19000101", "TM": "000000", "AS": "000Y", "UR": "urn:x"}
_GROUPS = frozenset((0x0008, 0x0018, 0x0020, 0x0028, 0x0040, 0x2050, 0x5200, 0x7FE0))
"""What MR images are made of. Of patients, visits, trials, places and other objects nothing stays
that has no rule of its own, numbers neither."""
_QC_SUBJECT = 0x00100200
_MOST_PRIVATE = 9
"""Numbers in one private element; a b-matrix has six."""
_DEEPEST = 16
"""Sequences in sequences; the deepest of a real object is 6."""
_AGE, _BORN, _SEX, _NAME, _ID = 0x00101010, 0x00100030, 0x00100040, 0x00100010, 0x00100020
_SERIAL, _COMMENTS, _CONTEXT, _CHARSET = 0x00181000, 0x00204000, 0x00400555, 0x00080005
_STUDY_DATE, _SCHEME = 0x00080020, 0x00080102
_IDENTIFYING = frozenset(
    (
        *(_NAME, _ID, _BORN, 0x00101000, 0x00101001, 0x00101005, 0x00101060, 0x00100010),
        *(0x00080050, 0x00200010, 0x00120040, 0x00120042, 0x00104000, 0x00102154, 0x00101040),
    )
)
"""Whose words name the participant: names, IDs, birth, accession and study number, address."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What one file is turned into."""

    rules: Rules
    key: PseudonymKey
    participant: str
    """Pseudonym."""
    days: int
    """Dates are moved back by so many; 0 leaves them."""
    serial: str | None
    """Pseudonym of the scanner's serial number; None where the header has none."""
    identity: frozenset[str]
    """Words that name the participant; for a phantom without MR terms."""
    age: str = ""


@dataclasses.dataclass(slots=True)
class Tally:
    """How many elements were treated how: for the log, without a value."""

    removed: int = 0
    emptied: int = 0
    replaced: int = 0
    shifted: int = 0
    cleaned: int = 0
    words_removed: int = 0
    private_kept: int = 0
    private_removed: int = 0
    malformed: int = 0
    named_participant: int = 0
    pixels_cleaned: int = 0


def readable(ds: Dataset) -> Iterator[DataElement]:
    """Yield the elements of a data set whose values are what their representation says."""
    for tag in sorted(ds.keys()):
        # whatever a value's converter raises: it is no such value
        with contextlib.suppress(Exception):
            yield ds[tag]


def identity_texts(ds: Dataset) -> list[str]:
    """Return the texts that name the participant, from all levels of a data set."""
    found = []
    for element in readable(ds):
        if element.VR == "SQ":
            found += [text for item in element.value for text in identity_texts(item)]
        elif element.tag in _IDENTIFYING:
            found += [str(value) for value in each(element.value)]
    return found


def clean_dataset(ds: Dataset, plan: Plan, tally: Tally, depth: int = 0) -> Dataset:
    """Return a new data set with what may stay of `ds`, at all levels; `tally` counts."""
    from pydicom import Dataset

    made = Dataset()
    elements = list(readable(ds))
    tally.malformed += len(ds) - len(elements)
    for element in elements:
        tag = element.tag
        if tag.group in (0x0000, 0x0002) or tag.element == 0 or tag == _CHARSET:
            continue
        if tag.is_private:
            _private(ds, element, made, plan, tally, depth)
            continue
        kept = _standard(element, plan, tally, depth)
        if kept is not None:
            made.add(kept)
    return made


def _standard(element: DataElement, plan: Plan, tally: Tally, depth: int) -> DataElement | None:
    """Return what stands for an element of the standard; None removes it."""
    from pydicom.datadict import dictionary_has_tag, dictionary_VR

    tag, rules = int(element.tag), plan.rules
    group = tag >> 16
    # the dictionary knows curves and overlays as repeating groups; all of them go
    known = dictionary_has_tag(tag) and not (0x5000 <= group <= 0x601E and group != 0x5200)
    if not known or element.VR not in dictionary_VR(tag).split(" or "):
        tally.removed += 1
        return None
    if tag in (_NAME, _ID, _BORN, _AGE, _SEX, _SERIAL, _COMMENTS):
        return _person_or_device(element, plan, tally)
    if tag in rules.shifted or tag in rules.times:
        return _when(element, plan, tally)
    if tag in rules.cleaned:
        return _description(element, plan, tally)
    action = rules.basic.get(tag)
    if action is not None:
        return _by_table(element, action, plan, tally, depth)
    return _by_kind(element, plan, tally, depth)


def _made(element: DataElement, value: Any) -> DataElement:
    from pydicom import DataElement

    return DataElement(element.tag, element.VR, value)


def _person_or_device(element: DataElement, plan: Plan, tally: Tally) -> DataElement | None:
    """Treat what is neither kept nor removed but stands for something else."""
    tag = int(element.tag)
    text = str(element.value or "")
    if tag == _COMMENTS:
        value = diffusion_comment(text)
    elif tag == _SERIAL:
        # what an anonymizer left there stays a word that means nobody knows
        value = plan.serial or (_DUMMY if text else "")
    elif tag == _AGE:
        value = plan.age
    elif tag == _SEX:
        value = text if text in ("M", "F", "O") else ""
    else:
        value = {_NAME: plan.participant, _ID: plan.participant, _BORN: ""}[tag]
    if tag in (_COMMENTS, _AGE) and not value:
        tally.removed += 1
        return None
    tally.emptied += not value
    tally.replaced += bool(value) and tag in (_NAME, _ID, _SERIAL)
    tally.cleaned += tag in (_COMMENTS, _AGE)
    return _made(element, value)


def _when(element: DataElement, plan: Plan, tally: Tally) -> DataElement:
    clock = element.VR == "TM"
    value = time(element.value) if clock else moved(element.value, plan.days)
    tally.shifted += bool(value) and plan.days != 0 and not clock
    if element.value and not value:
        tally.malformed += 1
        if "D" in plan.rules.basic.get(int(element.tag), ""):
            value = _DUMMIES[element.VR]
    return _made(element, value)


def _description(element: DataElement, plan: Plan, tally: Tally) -> DataElement | None:
    value, gone = clean_description(
        " ".join(map(str, each(element.value))), plan.rules.words, plan.identity
    )
    tally.words_removed += gone
    tally.cleaned += gone > 0
    if not value and "D" not in plan.rules.basic.get(int(element.tag), "D"):
        tally.removed += 1
        return None
    return _made(element, value or _DUMMY)


def _by_table(
    element: DataElement, action: str, plan: Plan, tally: Tally, depth: int
) -> DataElement | None:
    """Treat an element as Table E.1-1 says; a code with a slash by what the object allows."""
    if element.VR == "UI" and action != "X":
        return _uids(element, plan, tally)
    if "U" in action:
        return _by_kind(element, plan, tally, depth)
    sequence = element.VR == "SQ"
    if action == "X" or (sequence and int(element.tag) != _CONTEXT):
        tally.removed += 1
        return None
    if action in ("Z", "X/Z"):
        tally.emptied += 1
        return _made(element, [] if sequence else None)
    tally.replaced += 1
    if element.VR in ("OB", "OW", "UN", "OF", "OD", "OL", "OV"):
        return _made(element, b"\x00\x00")
    if element.VR in NUMERIC:
        return _made(element, 0)
    return _made(element, _DUMMIES.get(element.VR, _DUMMY))


def _uids(element: DataElement, plan: Plan, tally: Tally) -> DataElement:
    """Replace UIDs, but not those that the standard itself registers (classes, syntaxes)."""
    from pydicom.uid import UID

    old = [str(value).strip() for value in each(element.value)]
    # a registered UID has a name of its own; all others are their own name
    new = [uid if UID(uid).name != uid else uid_pseudonym(uid, plan.key) for uid in old]
    tally.replaced += old != new
    return _made(element, new[0] if len(new) == 1 else new)


def _by_kind(element: DataElement, plan: Plan, tally: Tally, depth: int) -> DataElement | None:
    """Treat an element that the table leaves alone, by what its representation can hold."""
    tag, vr, value = int(element.tag), element.VR, element.value
    rules = plan.rules
    if tag >> 16 not in _GROUPS and tag != _QC_SUBJECT:
        tally.removed += 1
        return None
    if vr == "UI":
        return _uids(element, plan, tally)
    if vr == "SQ":
        return _items(element, plan, tally, depth)
    good = (
        (vr in NUMERIC and number(value))
        or (vr == "CS" and coded(value))
        or (tag in rules.bytes and depth == 0)
        or (tag in rules.bytes and element.keyword.startswith("LUT"))
        or (tag in rules.texts and plain_text(value))
        or (tag in rules.creators and _known_creator(value))
    )
    # numbers are bytes: more of them than the attribute has are something else, misread
    good = good and (vr not in NUMERIC or len(each(value)) <= _most_values(tag))
    if good and tag == _SCHEME:
        good = str(value) in rules.coding_schemes
    if not good:
        tally.removed += tag not in rules.emptied
        tally.emptied += tag in rules.emptied
        return _made(element, None) if tag in rules.emptied else None
    searched = vr == "CS" or tag in rules.texts - rules.equipment
    if searched and any(names_participant(v, plan.identity, rules.words) for v in each(value)):
        tally.named_participant += 1
        return None
    return _made(element, value)


def _most_values(tag: int) -> float:
    """Return how many values an attribute may have (PS3.6); infinite where there is no bound."""
    from pydicom.datadict import dictionary_VM

    last = dictionary_VM(tag).rpartition("-")[2]
    return int(last) if last.isdecimal() else math.inf


def _known_creator(value: Any) -> bool:
    from pydicom import datadict

    names = datadict.private_dictionaries  # type: ignore[attr-defined]
    return str(value) in names


def _items(element: DataElement, plan: Plan, tally: Tally, depth: int) -> DataElement | None:
    """Return a sequence with cleaned items; codes of unknown schemes go with their item."""
    if depth >= _DEEPEST:
        tally.removed += 1
        return None
    made = []
    for item in element.value:
        cleaned = clean_dataset(item, plan, tally, depth + 1)
        coded_item = "CodeValue" in item or _SCHEME in item
        if coded_item and not ("CodeValue" in cleaned and _SCHEME in cleaned):
            tally.removed += 1
            continue
        made.append(cleaned)
    if element.value and not made:
        return None
    return _made(element, made)


def _private(
    ds: Dataset, element: DataElement, made: Dataset, plan: Plan, tally: Tally, depth: int
) -> None:
    """Carry a private element over if a rule knows it and its value is what the rule says."""
    tag = element.tag
    if tag.is_private_creator:
        return  # written with the first element of its block
    block = (tag.group << 16) | (tag.element >> 8)
    creator = str(ds[block].value).strip() if block in ds else ""
    rule = plan.rules.private.get((creator, tag.group, tag.element & 0xFF))
    kept = None if rule is None else _by_rule(element, rule, plan, tally, depth)
    if rule is None or kept is None:
        tally.private_removed += 1
        return
    tally.private_kept += 1
    made.add_new(block, "LO", rule.creator)
    made.add(kept)


def _by_rule(
    element: DataElement, rule: PrivateRule, plan: Plan, tally: Tally, depth: int
) -> DataElement | None:
    from pydicom import DataElement

    if rule.form == "csa":
        raw = element.value if isinstance(element.value, bytes) else b""
        block = cleaned_csa(raw, rule.numbers)
        return DataElement(element.tag, rule.vr, block) if block else None
    element = _as_known(element, rule.vr)
    if rule.vr != str(element.VR):
        return None
    if rule.form == "items":
        return _items(element, plan, tally, depth)
    value = element.value
    if not each(value):
        return None
    if rule.form == "numbers":
        few = len(each(value)) <= _MOST_PRIVATE
        return _made(element, value) if few and number(value) else None
    if rule.vr == "CS":
        value = known_or_other(value, rule.pattern)
    named = any(names_participant(str(v), plan.identity, plan.rules.words) for v in each(value))
    if named or not matches(value, rule.pattern):
        tally.named_participant += named
        return None
    return _made(element, value)


def _as_known(element: DataElement, vr: str) -> DataElement:
    """Return an element that a station in between stored as unknown, read as what it is."""
    from pydicom.dataelem import DataElement_from_raw, RawDataElement

    if element.VR != "UN" or not isinstance(element.value, bytes) or vr == "SQ":
        return element
    raw = RawDataElement(element.tag, vr, len(element.value), element.value, 0, False, True)
    try:
        known: DataElement = DataElement_from_raw(raw)
    except Exception:  # noqa: BLE001 - whatever the converter raises: it is not what the rule says
        return element
    return known
