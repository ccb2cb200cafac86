"""Acquisition parameters: who departs from what is usual on its scanner, and where sites differ."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from qiqa.core.finding import Severity
from qiqa.core.vet_table import VetTable
from qiqa.core.vetting import (
    Check,
    Needs,
    Observation,
    Reason,
    SetAnswer,
    SetStatement,
    Setting,
    Settings,
)
from qiqa.core.words import Words
from qiqa.vetting.sets.coding import Groups, grouped, scanners
from qiqa.vetting.sets.usual import Usual, usual_number, usual_word
from qiqa.vetting.sets.wording import named, number, short, table, words

__all__ = ["CHECK", "look"]

BoolArray = NDArray[np.bool_]

CHECK = Check(
    name="protocol",
    needs=Needs.SET,
    title="Acquisition parameters",
    reasons=(
        Reason(
            code="protocol_departs",
            severity=Severity.WARNING,
            title="other parameters than usual",
            meaning="A parameter of the acquisition differs from what most series of the same "
            "protocol on the same scanner have: contrast, noise or geometry differ with it.",
            unit="times its tolerance",
        ),
        Reason(
            code="protocol_setting_departs",
            severity=Severity.WARNING,
            title="other settings than usual",
            meaning="A setting in words (phase direction, coil, sequence) differs from what most "
            "series of the same protocol on the same scanner have.",
        ),
        Reason(
            code="protocol_differs_between_sites",
            severity=Severity.WARNING,
            title="sites use other values",
            meaning="Scanners have different usual values under one name of the protocol: what "
            "differs between them is then a matter of the protocol, not of the scanner.",
            unit="%",
        ),
        Reason(
            code="protocol_without_usual",
            severity=Severity.INFO,
            title="no usual value",
            meaning="Too few series of a scanner and protocol agree on a parameter to call any "
            "value the usual one; no departure from it is looked for.",
        ),
        Reason(
            code="protocol_not_judged",
            severity=Severity.INFO,
            title="protocol not judged",
            meaning="Share of the series with too few others of their scanner and protocol.",
            unit="%",
        ),
        Reason(
            code="several_software_versions",
            severity=Severity.INFO,
            title="software changed",
            meaning="Series of one scanner come from several versions of its software: the same "
            "protocol may give other images since.",
        ),
    ),
    settings=(
        Setting(
            name="tolerances",
            default=(
                "tr_ms 5", "te_ms 5", "ti_ms 5", "flip_deg 5", "b_value 2", "b_count 1",
                "thickness_mm 5", "slice_spacing_mm 5", "pixel_mm 30", "rows 30", "columns 30",
                "field_t 5", "averages 1", "echo_count 1", "echo_train 5", "bandwidth_hz 10",
                "acceleration 5",
            ),
            meaning="columns of numbers, each with the percentage of the larger of two values up "
            "to which these are alike; times may follow breathing, fields of view the patient",
        ),
        Setting(
            name="settings",
            default=("sequence", "phase_direction", "coil"),
            meaning="columns of words that should be alike",
        ),
        Setting(
            name="alike",
            default=("modality", "protocol"),
            meaning="columns of words that name one protocol",
        ),
        Setting(name="least", default=5.0, meaning="series of a group that is judged"),
        Setting(
            name="agreeing",
            default=60.0,
            meaning="share [%] of a group that has to agree for its value to be the usual one",
        ),
    ),
)  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class _Parameter:
    """One column, and what is usual in it."""

    name: str
    tolerance: float
    """[%]; NaN for words."""
    column: Words | None
    usual: Usual
    settled: BoolArray
    """(groups,) whether there is a usual value."""
    open: BoolArray
    """(groups,) large enough, but without one."""

    def show(self, value: float) -> str:
        """Return a value, or the word that it stands for."""
        if self.column is None or not math.isfinite(value):
            return short(value)
        return self.column.names[int(value)]


def look(observed: VetTable, settings: Settings) -> SetAnswer:
    """Compare parameters within scanner and protocol, and their usual values between scanners."""
    n = len(observed)
    if n == 0:
        return SetAnswer()
    protocol = grouped([observed.text(a).codes for a in words(settings, "alike")], n)
    scanner = scanners(observed)
    groups = grouped([protocol.codes, scanner.codes], n)
    parameters = list(_parameters(observed, groups, settings))
    return SetAnswer(
        observations=tuple(_departures(observed, parameters, groups)),
        statements=(
            *_between(observed, parameters, groups, protocol, scanner, settings),
            *_without_usual(observed, parameters, groups, scanner, settings),
            *_software(observed, scanner),
            _not_judged(groups, settings, parameters),
        ),
    )


def _parameters(observed: VetTable, groups: Groups, settings: Settings) -> Iterator[_Parameter]:
    least, share = number(settings, "least"), number(settings, "agreeing") / 100
    for line in words(settings, "tolerances"):
        name, _, percent = line.rpartition(" ")
        try:
            tolerance = float(percent)
        except ValueError:
            continue
        values = observed.number(name)
        if tolerance > 0 and np.isfinite(values).any():
            yield _noun(
                name, tolerance, None, usual_number(values, groups, tolerance), least, share
            )
    for name in words(settings, "settings"):
        column = observed.text(name)
        if column.names:
            yield _noun(name, math.nan, column, usual_word(column, groups), least, share)


def _noun(
    name: str, tolerance: float, column: Words | None, usual: Usual, least: float, share: float
) -> _Parameter:
    large = usual.stated >= least
    agree = usual.agreeing >= share * usual.stated
    return _Parameter(name, tolerance, column, usual, large & agree, large & ~agree)


def _departures(
    observed: VetTable, parameters: Sequence[_Parameter], groups: Groups
) -> Iterator[tuple[int, Observation]]:
    """Yield one observation a series and kind, with its worst departure."""
    for code, kind in (("protocol_departs", False), ("protocol_setting_departs", True)):
        mine = [one for one in parameters if (one.column is not None) == kind]
        beyond = [(one.usual.departure > 1) & one.settled[groups.codes] for one in mine]
        if not beyond:
            continue
        for row in np.flatnonzero(np.logical_or.reduce(beyond)).tolist():
            group = groups.codes[row]
            which = [one for one, far in zip(mine, beyond, strict=True) if far[row]]
            said = [
                f"{one.name} {_own(observed, one, row)}, usual {one.show(one.usual.value[group])} "
                f"({one.usual.agreeing[group]} of {one.usual.stated[group]} series)"
                for one in which
            ]
            worst = max(float(one.usual.departure[row]) for one in which)
            value = float(len(which)) if kind else float(f"{worst:.6g}")
            yield row, Observation(code=code, value=value, evidence="; ".join(said))


def _own(observed: VetTable, parameter: _Parameter, row: int) -> str:
    if parameter.column is None:
        return short(float(observed.number(parameter.name)[row]))
    return parameter.column.names[int(parameter.column.codes[row])]


def _label(observed: VetTable, group: int, groups: Groups, settings: Settings) -> str:
    row = groups.first(group)
    parts = [observed.text(name)[row] for name in words(settings, "alike")]
    return ", ".join(part for part in parts if part) or "all series"


def _between(
    observed: VetTable, parameters: Sequence[_Parameter], groups: Groups, protocol: Groups,
    scanner: Words, settings: Settings,
) -> Iterator[SetStatement]:  # fmt: skip
    """Yield each parameter of each protocol that scanners do not have in common."""
    firsts = groups.order[groups.starts[:-1]]
    of_protocol, of_scanner = protocol.codes[firsts], scanner.codes[firsts]
    for one in parameters:
        usable = one.settled & (of_scanner >= 0)
        by_protocol = grouped([of_protocol], of_protocol.size)
        weights = np.where(usable, one.usual.value, np.nan)
        common = (usual_number(weights, by_protocol, one.tolerance) if one.column is None else
                  usual_word(Words(one.column.names, np.where(usable, np.nan_to_num(
                      one.usual.value), -1).astype(np.intp)), by_protocol))  # fmt: skip
        other = usable & (common.departure > 1)
        for p in np.unique(by_protocol.codes[other]).tolist():
            members = np.flatnonzero(usable & (by_protocol.codes == p))
            away = np.flatnonzero(other & (by_protocol.codes == p))
            label = _label(observed, int(away[0]), groups, settings)
            names = [scanner.names[of_scanner[m]] for m in away]
            first = [*away.tolist(), *np.setdiff1d(members, away).tolist()]
            yield SetStatement(
                code="protocol_differs_between_sites",
                value=100.0 * away.size / members.size,
                subject=f"{label}: {one.name}",
                evidence=f"{away.size} of {members.size} scanners have another value than "
                f"{one.show(float(common.value[p]))}: {named(names)}",
                rows=table(
                    ("scanner", "site", "series", "usual value", "have it"),
                    [(scanner.names[of_scanner[m]], observed.text("site")[firsts[m]],
                      str(one.usual.stated[m]), one.show(one.usual.value[m]),
                      str(one.usual.agreeing[m])) for m in first],
                ),
            )  # fmt: skip


def _without_usual(
    observed: VetTable, parameters: Sequence[_Parameter], groups: Groups, scanner: Words,
    settings: Settings,
) -> Iterator[SetStatement]:  # fmt: skip
    for one in parameters:
        which = np.flatnonzero(one.open)
        if which.size == 0:
            continue
        rows = []
        for g in which.tolist():
            code = scanner.codes[groups.first(g)]
            name = scanner.names[code] if code >= 0 else "unknown"
            rows.append((name, _label(observed, g, groups, settings), str(one.usual.stated[g]),
                         one.show(one.usual.value[g]), str(one.usual.agreeing[g])))  # fmt: skip
        yield SetStatement(
            code="protocol_without_usual",
            value=float(which.size),
            subject=one.name,
            evidence=f"in {which.size} groups fewer than {number(settings, 'agreeing'):g} % agree",
            rows=table(("scanner", "protocol", "series", "middle value", "have it"), rows),
        )


def _software(observed: VetTable, scanner: Words) -> Iterator[SetStatement]:
    """Yield one statement on scanners with several versions, with the days of each."""
    software = observed.text("software")
    known = np.flatnonzero((software.codes >= 0) & (scanner.codes >= 0))
    both = grouped([scanner.codes[known], software.codes[known]], known.size)
    firsts = known[both.order[both.starts[:-1]]] if known.size else known
    versions = np.bincount(scanner.codes[firsts], minlength=len(scanner.names))
    several = np.flatnonzero(versions > 1)
    if several.size == 0:
        return
    rows = []
    for g in np.flatnonzero(np.isin(scanner.codes[firsts], several)).tolist():
        members = known[both.order[both.starts[g] : both.starts[g + 1]]]
        days = observed.date[members]
        days = np.sort(days[~np.isnat(days)])
        span = f"{days[0]} to {days[-1]}" if days.size else "not known"
        row = int(members[0])
        rows.append((scanner[row], software[row],
                     str(members.size), span))  # fmt: skip
    yield SetStatement(
        code="several_software_versions",
        value=float(several.size),
        evidence=f"{several.size} scanners: {named([scanner.names[i] for i in several.tolist()])}",
        rows=table(("scanner", "software", "series", "days"), rows),
    )


def _not_judged(
    groups: Groups, settings: Settings, parameters: Sequence[_Parameter]
) -> SetStatement:
    if not parameters:
        return SetStatement(code="protocol_not_judged", value=100.0,
                            evidence="no parameter of the acquisition is stated")  # fmt: skip
    least = number(settings, "least")
    small = groups.sizes < least
    count = int(groups.sizes[small].sum())
    return SetStatement(
        code="protocol_not_judged",
        value=100.0 * count / groups.codes.size,
        evidence=f"{count} of {groups.codes.size} series stand in {np.count_nonzero(small)} groups "
        f"of scanner and protocol with fewer than {least:g} series",
    )
