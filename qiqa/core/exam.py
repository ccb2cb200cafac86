"""Which series were acquired together: same scanner, same day."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Sequence

from qiqa.core.scanner import Scanner
from qiqa.core.series import SeriesHeader

__all__ = ["Exam", "group_exams", "normal_manufacturer"]

_MAKERS = {
    "SIEMENS": "SIEMENS",
    "PHILIPS": "PHILIPS",
    "GE": "GE",
    "GENERAL": "GE",
    "TOSHIBA": "CANON",
    "CANON": "CANON",
    "CANON_MEC": "CANON",
    "TOSHIBA_MEC": "CANON",
    "UIH": "UIH",
    "UNITED": "UIH",
    "HITACHI": "FUJIFILM",
    "FUJIFILM": "FUJIFILM",
}
_FIELD_TOLERANCE_T = 0.02


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Exam:
    """Series of one scanner on one day."""

    headers: tuple[SeriesHeader, ...]
    scanner: Scanner
    """What any of the series knows about the scanner."""
    acquired_at: dt.datetime | None
    """Earliest known time."""

    @property
    def label(self) -> str:
        """Words for a person: scanner, date, number of series."""
        date = "date unknown" if self.acquired_at is None else f"{self.acquired_at:%Y-%m-%d}"
        n = len(self.headers)
        return f"{self.scanner.label}, {date}, {n} series"


@dataclasses.dataclass(frozen=True, slots=True)
class _Identity:
    """What must agree within an exam; None agrees with everything."""

    maker: str | None
    model: str | None
    serial: str | None
    field_t: float | None
    software: str | None
    date: dt.date | None
    copy: str | None

    def agrees(self, other: _Identity) -> bool:
        """Say whether nothing known on both sides differs."""
        for f in dataclasses.fields(self):
            a, b = getattr(self, f.name), getattr(other, f.name)
            if a is None or b is None or a == b:
                continue
            if f.name != "field_t" or abs(a - b) > _FIELD_TOLERANCE_T:
                return False
        return True

    def merged(self, other: _Identity) -> _Identity:
        """Return what either side knows."""
        pairs = ((getattr(self, f.name), getattr(other, f.name)) for f in dataclasses.fields(self))
        return _Identity(*(b if a is None else a for a, b in pairs))

    @property
    def n_known(self) -> int:
        """Number of facets that are known."""
        return sum(getattr(self, f.name) is not None for f in dataclasses.fields(self))


def normal_manufacturer(text: str | None) -> str | None:
    """Return one name for a manufacturer, whatever its headers called it over the years.

    >>> normal_manufacturer("Philips Medical Systems"), normal_manufacturer("Siemens Healthineers")
    ('PHILIPS', 'SIEMENS')
    """
    words = (text or "").upper().split()
    return _MAKERS.get(words[0], " ".join(words)) if words else None


def _identity(header: SeriesHeader) -> _Identity:
    scanner, moment = header.scanner, header.acquisition.acquired_at
    model = scanner.model
    return _Identity(
        maker=normal_manufacturer(scanner.manufacturer),
        model=None if model is None else model.upper(),
        serial=scanner.serial_number,
        field_t=scanner.field_strength_t,
        software=header.acquisition.software,
        date=None if moment is None else moment.date(),
        copy=header.copy,
    )


def group_exams(headers: Sequence[SeriesHeader]) -> tuple[Exam, ...]:
    """Group series to exams by manufacturer, model, serial number, field, software and date.

    What is unknown agrees with everything, but a series with unknowns joins an exam only if it
    fits exactly one; otherwise it stays apart, together with those of which just as much is
    known. Conflicting copies of one series never share an exam. Exams and their series keep the
    order of `headers`.
    """
    identities = [_identity(header) for header in headers]
    fullest_first = sorted(range(len(headers)), key=lambda i: (-identities[i].n_known, i))
    groups: list[tuple[_Identity, list[int]]] = []
    for index in fullest_first:
        own = identities[index]
        fitting = [n for n, (identity, _) in enumerate(groups) if identity.agrees(own)]
        same = [n for n in fitting if groups[n][0] == own]
        fitting = same if len(fitting) > 1 else fitting
        if fitting:
            identity, members = groups[fitting[0]]
            groups[fitting[0]] = (identity.merged(own), [*members, index])
        else:
            groups.append((own, [index]))
    ordered = sorted((sorted(members) for _, members in groups), key=lambda members: members[0])
    return tuple(_exam([headers[index] for index in members]) for members in ordered)


def _exam(headers: list[SeriesHeader]) -> Exam:
    merged = headers[0].scanner
    for header in headers[1:]:
        own = header.scanner
        merged = Scanner(
            **{
                f.name: getattr(merged, f.name)
                if getattr(merged, f.name) is not None
                else getattr(own, f.name)
                for f in dataclasses.fields(Scanner)
            }
        )
    moments = [h.acquisition.acquired_at for h in headers if h.acquisition.acquired_at is not None]
    return Exam(headers=tuple(headers), scanner=merged, acquired_at=min(moments, default=None))
