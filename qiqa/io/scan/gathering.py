"""From records of files to the facts of series, and parts of one series put together."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from qiqa.core.pseudonyms import PseudonymKey, is_participant_pseudonym
from qiqa.core.scanner import Scanner, is_placeholder
from qiqa.core.vetting import Instance, Observation, SeriesFacts
from qiqa.io.facts import named
from qiqa.io.scan.attributes import Value, age_years, kept
from qiqa.io.scan.persons import NO_YEARS
from qiqa.io.scan.record import Record
from qiqa.io.scan.values import KEPT, Decoder, Raw
from qiqa.io.tags import TAGS

__all__ = [
    "Gathered",
    "Identities",
    "add_file",
    "facts_of",
    "folder_of",
    "merge",
    "patient_hash",
    "together",
]

_PATIENTS = "patient_hash"
"""Kept beside the attributes where files of one series state several patients."""
_PSEUDONYM = "pseudonym"
"""PatientID, where de-identification by qiqa gave it: kept, for it tells how dates were moved."""
_NAMED = ("identity_in_header", "identity_claimed_removed", "identity_in_text",
          "identity_in_private")  # fmt: skip
"""Codes whose evidence lists attributes; of all others the value counts files."""


def _tag(keyword: str) -> int:
    return TAGS[keyword][0]


@dataclasses.dataclass(slots=True)
class Gathered:
    """What was seen of one series so far."""

    values: dict[str, set[Value]] = dataclasses.field(default_factory=dict)
    raws: dict[tuple[str, bool], tuple[Decoder, set[Raw]]] = dataclasses.field(default_factory=dict)
    """By character set and order of bytes."""
    patients: set[str] = dataclasses.field(default_factory=set)
    studies: set[str] = dataclasses.field(default_factory=set)
    sites: set[str] = dataclasses.field(default_factory=set)
    scanners: set[str] = dataclasses.field(default_factory=set)
    instances: list[Instance] = dataclasses.field(default_factory=list)
    observations: list[Observation] = dataclasses.field(default_factory=list)

    def add(self, keyword: str, value: Value) -> None:
        """Note one value of an attribute."""
        self.values.setdefault(keyword, set()).add(value)


@dataclasses.dataclass(slots=True)
class Identities:
    """Who and where files are from, worked out once for each set of elements."""

    key: PseudonymKey
    known: dict[tuple[Raw | None, ...], tuple[str, str, str, float | None]] = dataclasses.field(
        default_factory=dict
    )

    _asked = tuple(
        _tag(keyword)
        for keyword in (
            *("IssuerOfPatientID", "PatientID", "PatientName", "PatientBirthDate", "PatientAge"),
            *("StudyDate", "Manufacturer", "DeviceSerialNumber", "InstitutionName"),
            "ClinicalTrialSiteID",
        )
    )

    def of(self, found: Mapping[int, Raw], decoder: Decoder) -> tuple[str, str, str, float | None]:
        """Return hash of the patient, site, scanner and age [years]; "" and None: unknown."""
        raws = tuple(found.get(tag) for tag in self._asked)
        answer = self.known.get(raws)
        if answer is None:
            answer = self.known[raws] = self._of(*(decoder.text(raw) for raw in raws))
        return answer

    def _of(
        self, issuer: str, who: str, name: str, born: str, stated: str, day: str,
        maker: str, serial: str, institution: str, trial_site: str,
    ) -> tuple[str, str, str, float | None]:  # fmt: skip
        born = "" if born.startswith(NO_YEARS) else born
        scanner = Scanner(manufacturer=named(maker), serial_number=named(serial)).identity
        site = next((s for s in (institution, trial_site) if not is_placeholder(s)), "")
        years = age_years(stated, born, day)
        return patient_hash(self.key, issuer, who, name, born), site, scanner or "", years


def patient_hash(key: PseudonymKey, issuer: str, who: str, name: str, born: str) -> str:
    """Return 16 hexadecimal digits that stand for a patient; "" where nobody is named.

    Of the ID under its issuer; where there is no ID, of name and date of birth.
    """
    if not is_placeholder(who):
        parts = ("patient", issuer, who)
    elif not is_placeholder(name):
        parts = ("patient by name", name.casefold(), born)
    else:
        return ""
    return key.digest(*parts).hex()[:16]


def add_file(series: Gathered, record: Record, decoder: Decoder, known: Identities) -> None:
    """Note what one file says, but for its place and pixels."""
    found = record.found
    kind = (decoder.charset, decoder.syntax.little)
    if kind not in series.raws:
        series.raws[kind] = (decoder, set())
    series.raws[kind][1].update(found.values(), record.more)
    for keyword, value in record.pairs:
        series.add(keyword, value)
    if record.transfer_syntax:
        series.add("TransferSyntaxUID", record.transfer_syntax)
    patient, site, scanner, years = known.of(found, decoder)
    series.patients.add(patient)
    series.sites.add(site)
    series.scanners.add(scanner)
    series.studies.add(decoder.text(found.get(_STUDY)))
    who = decoder.text(found.get(_WHO))
    if is_participant_pseudonym(who):
        series.add(_PSEUDONYM, who)
    if years is not None:
        series.add("PatientAge", years)


_STUDY = _tag("StudyInstanceUID")
_WHO = _tag("PatientID")


def facts_of(uid: str, series: Gathered) -> SeriesFacts:
    """Return the facts of what was gathered of a series."""
    for decoder, raws in series.raws.values():
        for raw in [raw for raw in raws if raw[0] in KEPT]:
            for keyword, value in decoder.kept(raw):
                series.add(keyword, value)
    patients = series.patients - {""}
    if len(patients) > 1:
        series.values[_PATIENTS] = {*patients}
    instances = tuple(sorted(series.instances, key=lambda one: one.path))
    return _finished(
        SeriesFacts(
            path=_path_of([one.path for one in instances]),
            series_uid=uid,
            study_uid=_least(series.studies),
            patient_hash=_least(patients),
            site=_least(series.sites),
            scanner=_least(series.scanners),
            attributes=_attributes(series.values),
            instances=instances,
            observations=together(series.observations),
        )
    )


def merge(parts: Iterable[SeriesFacts]) -> SeriesFacts:
    """Put parts of one series from several chunks together, whatever their order.

    Parameters
    ----------
    parts
        At least one, with the same series UID.
    """
    listed = list(parts)
    if len(listed) == 1:
        return listed[0]
    values: dict[str, set[Value]] = {}
    patients = {part.patient_hash for part in listed} - {""}
    for part in listed:
        for keyword, held in part.attributes.items():
            values.setdefault(keyword, set()).update(held)
    if len(patients) > 1 or _PATIENTS in values:
        values.setdefault(_PATIENTS, set()).update(patients)
    instances = sorted((one for part in listed for one in part.instances), key=lambda i: i.path)
    kept_back = [o for part in listed for o in part.observations if o.code != "mixed_patients"]
    return _finished(
        SeriesFacts(
            path=_path_of([one.path for one in instances] or [part.path for part in listed]),
            series_uid=listed[0].series_uid,
            study_uid=_least(part.study_uid for part in listed),
            patient_hash=_least(patients),
            site=_least(part.site for part in listed),
            scanner=_least(part.scanner for part in listed),
            attributes=_attributes(values),
            instances=tuple(instances),
            observations=together(kept_back),
        )
    )


def _finished(facts: SeriesFacts) -> SeriesFacts:
    """Add what only the whole can tell."""
    patients = facts.attributes.get(_PATIENTS, ())
    if not patients:
        return facts
    text = f"{len(patients)} patients: {', '.join(map(str, patients[:4]))}"
    mixed = Observation(code="mixed_patients", value=len(patients) - 1.0, evidence=text)
    return dataclasses.replace(facts, observations=together([*facts.observations, mixed]))


def together(observations: Sequence[Observation]) -> tuple[Observation, ...]:
    """Return one observation a code: files counted, attributes listed once; in fixed order.

    Place and words are those of the first file in order.
    """
    by_code: dict[str, list[Observation]] = {}
    for one in observations:
        by_code.setdefault(one.code, []).append(one)
    return tuple(_one(code, by_code[code]) for code in sorted(by_code))


def _one(code: str, alike: list[Observation]) -> Observation:
    first = min(alike, key=lambda one: (one.where, one.evidence))
    if code not in _NAMED:
        return dataclasses.replace(first, value=sum(one.value for one in alike))
    names = sorted({name for one in alike for name in one.evidence.split(", ")})
    return dataclasses.replace(first, value=float(len(names)), evidence=", ".join(names))


def _least(texts: Iterable[str]) -> str:
    return min((text for text in texts if text), default="")


def _attributes(values: Mapping[str, set[Value]]) -> dict[str, tuple[Value, ...]]:
    return {keyword: kept(values[keyword]) for keyword in sorted(values)}


def folder_of(path: str) -> str:
    """Return the folder of a file; of a member at the top of an archive the archive."""
    archive, found, member = path.partition(".zip: ")
    if found and "/" not in member:
        return f"{archive}.zip"
    return path.rpartition("/")[0]


def _path_of(paths: Sequence[str]) -> str:
    """Return the file where there is one, else the folder that holds all of them."""
    if len(paths) == 1:
        return paths[0]
    folders = sorted({folder_of(path) for path in paths})
    if len(folders) == 1:
        return folders[0] or "."
    first, last = folders[0].split("/"), folders[-1].split("/")
    common = [a for a, b in zip(first, last, strict=False) if a == b]
    same = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), None)
    return "/".join(common if same is None else first[:same]) or "."
