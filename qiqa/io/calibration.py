"""The maker's calibration workbook of one phantom, turned into certificates.

Layout as read by UNITY-Physics/GHOST (ghost/calib.py): one sheet for each salt and field, headings
in row 4, below them one row for each solution and temperature with the columns
`Concentration (mM)`, `Temperature (C)`, `T1 (ms)`, `T2 (ms)`, then two or three rows of remarks.
That program does not name the columns of the uncertainties nor those of the ADC sheets; headings
are therefore recognized by what they say, in the words of the maker's published tables as well.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
from pathlib import Path

from qiqa.core.arrangement import Arrangement, Group
from qiqa.core.certificate import Certificate, UnitCertificates
from qiqa.core.errors import DefinitionError
from qiqa.io.calibration_sheet import Solutions, read_solutions
from qiqa.io.definitions import CERTIFICATE_SCHEMA
from qiqa.io.workbook import Sheet, read_workbook

__all__ = ["Imported", "import_workbook"]

_NAME = re.compile(r"(adc|nicl2?|mncl2?|cuso4)\b.*?(1\.5|3(?:\.0)?)\s*t\b")
_GROUPS = {
    "nist_system": {"nicl": "T1", "mncl": "T2", "cuso4": "fiducial"},
    "qiba_diffusion": {"adc": "PVP"},
}
"""Phantom -> salt in the name of a sheet -> group of inserts that is filled with it."""
_BANDS = {"1.5": ((1.4, 1.6), 1.5), "3": ((2.8, 3.1), 3.0)}
"""Field in the name of a sheet -> fields of scanners that it is for, its own field [T]."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What a workbook gave, and what the user must know about it."""

    unit: UnitCertificates
    used: tuple[str, ...]
    """Names of the sheets that were read."""
    skipped: tuple[str, ...]
    """Names of those that are not for this phantom."""
    remarks: tuple[str, ...]


def import_workbook(
    path: Path, phantom: Arrangement, serial: str, coverage_factor: float | None = None
) -> Imported:
    """Return the certificates of one unit from the maker's workbook.

    Parameters
    ----------
    path
        The workbook, .xls or .xlsx.
    phantom
        Definition of its type.
    serial
        Serial number of the unit.
    coverage_factor
        Printed over standard uncertainty; None: not known, the printed one is taken as it stands.

    Raises
    ------
    DefinitionError
        If it is no workbook of this phantom: sheet, cell, value, what is allowed.
    """
    groups = _GROUPS.get(phantom.id)
    if groups is None:
        message = f"no workbook is known for {phantom.id!r}, only for {', '.join(_GROUPS)}"
        raise DefinitionError(message, where=str(path))
    sheets = read_workbook(path)
    wanted = {s.name: found for s in sheets if (found := _meaning(s.name)) and found[0] in groups}
    if not wanted:
        salts = ", ".join(f"'{salt} ... @ 3.0T'" for salt in groups)
        message = f"no sheet is for {phantom.id}; there are {[s.name for s in sheets]}"
        raise DefinitionError(message, where=str(path), hint=f"sheets are called like {salts}")
    tables: list[Certificate] = []
    remarks: list[str] = []
    for sheet in sheets:
        if sheet.name in wanted:
            salt, field = wanted[sheet.name]
            group = phantom.find_group(groups[salt])
            try:
                new = _tables(sheet, group, field, coverage_factor)
                new = [_with_field(table, phantom) for table in new]
            except DefinitionError as error:
                where = f"{path}: {error.where}"
                raise DefinitionError(error.message, where=where, hint=error.hint) from error
            tables += new
            remarks += [f"sheet {sheet.name!r}: {t.note}" for t in new[:1] if t.note]
    _check_fields(tables, str(path))
    if coverage_factor is None and any(t.uncertainty for t in tables):
        remarks.append(
            "the printed uncertainties are taken as standard uncertainties; where the workbook "
            "states a coverage factor k, import again with --coverage-factor k"
        )
    return Imported(
        unit=UnitCertificates(
            schema=CERTIFICATE_SCHEMA,
            phantom=phantom.id,
            serial=serial.strip(),
            certificate=tuple(tables),
            path=str(path),
        ),
        used=tuple(wanted),
        skipped=tuple(s.name for s in sheets if s.name not in wanted),
        remarks=tuple(remarks),
    )


def _meaning(name: str) -> tuple[str, str] | None:
    """Return salt and field of a sheet, None if it holds no calibration.

    >>> _meaning("NiCl Solutions @ 3.0T"), _meaning("CMRI LC Values")
    (('nicl', '3'), None)
    """
    found = _NAME.search(name.lower())
    if found is None:
        return None
    return found[1].removesuffix("2"), found[2].removesuffix(".0")


def _tables(
    sheet: Sheet, group: Group, field: str, coverage_factor: float | None
) -> list[Certificate]:
    """Return one certificate for each quantity of a sheet."""
    read = read_solutions(sheet, ("adc",) if group.name == "PVP" else ("t1", "t2"))
    order = _rows_of(read, group, sheet)
    band, tesla = _BANDS[field]
    extrapolated = any("extrapol" in text.lower() for text in read.texts)
    tables = []
    for quantity in read.quantities:
        values = tuple(read.row(c, quantity) for c in order)
        uncertainty = (
            tuple(read.row(c, f"u {quantity}") for c in order)
            if (f"u {quantity}" in read.columns)
            else ()
        )
        if quantity in group.falling:
            _check_order(read, quantity, sheet)
        if quantity == "t2":
            _check_below_t1(read, sheet)
        unmeasured = extrapolated or (field == "1.5" and quantity != "adc" and not uncertainty)
        tables.append(
            Certificate(
                group=group.name,
                quantity=quantity,
                unit="mm²/s" if quantity == "adc" else "ms",
                field_strength_t=band,
                measured_at_t=tesla,
                temperature_degc=read.temperatures,
                value=values,
                uncertainty=uncertainty,
                coverage_factor=coverage_factor or 1.0,
                uncertainty_kind=_kind(bool(uncertainty), coverage_factor),
                confidence="unreliable" if unmeasured else "certified",
                source=f"the maker's workbook, sheet {sheet.name!r}",
                note=_note(extrapolated, unmeasured),
            )
        )
    return tables


def _with_field(table: Certificate, phantom: Arrangement) -> Certificate:
    """Return a table that changes with field as the others of its fill do."""
    alike = (
        t.percent_per_t
        for t in phantom.certificate
        if (t.group, t.quantity) == (table.group, table.quantity)
    )
    return dataclasses.replace(table, percent_per_t=next(alike, 0.0))


def _kind(stated: bool, coverage_factor: float | None) -> str:
    if not stated:
        return "none stated"
    if coverage_factor is None:
        return "coverage factor not stated, taken as standard uncertainty"
    return f"coverage factor {coverage_factor:g}, as given at import"


def _note(extrapolated: bool, unmeasured: bool) -> str | None:
    if extrapolated:
        return "extrapolated, as the sheet says, so no verdict rests on it"
    if unmeasured:
        return (
            "without uncertainties; published 1.5 T values of this maker were extrapolated and "
            "contradict NMR, so no verdict rests on these"
        )
    return None


def _rows_of(read: Solutions, group: Group, sheet: Sheet) -> list[float]:
    """Return the concentration of each row of the certificate, in the order of the inserts."""
    found = read.concentrations
    if group.fiducials:
        if len(found) != 1:
            message = f"{len(found)} concentrations {found}, but all of {group.name} share one"
            raise DefinitionError(message, where=f"sheet {sheet.name!r}")
        return found
    if group.content and set(group.content) == set(found):
        return list(group.content)
    if group.content or len(found) != len(group.labels):
        due = sorted(set(group.content)) or f"{len(group.labels)}, one a sphere"
        message = f"{len(found)} concentrations {found}; allowed: {due}"
        raise DefinitionError(message, where=f"sheet {sheet.name!r}")
    return found  # sphere 1 is the weakest solution, the last one the strongest


def _check_order(read: Solutions, quantity: str, sheet: Sheet) -> None:
    """Refuse times or coefficients that do not fall with the concentration: rows are mixed up."""
    found = read.concentrations
    for weak, strong in itertools.pairwise(found):
        pairs = zip(
            read.temperatures, read.row(weak, quantity), read.row(strong, quantity), strict=True
        )
        for degc, above, below in pairs:
            if below >= above:
                row, column = read.place(strong, degc, quantity)
                raise DefinitionError(
                    f"{quantity} of concentration {strong:g} is {below:g} at {degc:g} °C; it must "
                    f"be below the {above:g} of concentration {weak:g}",
                    where=sheet.address(row, column),
                    hint="check that no rows or columns of the sheet were exchanged",
                )


def _check_below_t1(read: Solutions, sheet: Sheet) -> None:
    """Refuse a T2 above T1, which no liquid has: the columns are exchanged."""
    for concentration in read.concentrations:
        pairs = zip(
            read.temperatures,
            read.row(concentration, "t1"),
            read.row(concentration, "t2"),
            strict=True,
        )
        for degc, t1, t2 in pairs:
            if t2 > t1:
                raise DefinitionError(
                    f"T2 = {t2:g} ms is above T1 = {t1:g} ms of concentration {concentration:g} "
                    f"at {degc:g} °C",
                    where=sheet.address(*read.place(concentration, degc, "t2")),
                    hint="check that the columns of T1 and T2 were not exchanged",
                )


def _check_fields(tables: list[Certificate], where: str) -> None:
    """Refuse sheets whose fields are exchanged, as they are in a published sheet of the maker.

    R2 of NiCl2 and MnCl2 grows with the field: T2 at 3 T is shorter in every sphere.
    """
    by_field = {
        (t.group, t.measured_at_t): t for t in tables if t.quantity == "t2" and len(t.value) > 1
    }
    for (group, tesla), low in by_field.items():
        high = by_field.get((group, 3.0))
        if tesla != 1.5 or high is None:
            continue
        shared = [t for t in low.temperature_degc if t in high.temperature_degc]
        for degc in shared:
            i, j = low.temperature_degc.index(degc), high.temperature_degc.index(degc)
            for row, (weak, strong) in enumerate(zip(low.value, high.value, strict=True)):
                if strong[j] >= weak[i]:
                    raise DefinitionError(
                        f"T2 of sphere {row + 1} of {group} at {degc:g} °C is {strong[j]:g} ms at "
                        f"3 T and {weak[i]:g} ms at 1.5 T; it must be shorter at 3 T",
                        where=f"{where}: {low.source} and {high.source}",
                        hint="ask the maker whether the two sheets were exchanged",
                    )
