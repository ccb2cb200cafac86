"""Were the series acquired as the protocol says, and what follows where they were not."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

from qiqa.core.errors import ExamError, UsageError
from qiqa.core.exam import Exam, normal_manufacturer
from qiqa.core.measurement import Verdict
from qiqa.core.protocol import ExpectedSeries, Protocol
from qiqa.core.series import SeriesHeader
from qiqa.io.collecting import collect
from qiqa.io.definitions import load_protocol, names
from qiqa.io.reading import read
from qiqa.workflows.choosing import exams_of, nothing_found
from qiqa.workflows.on_protocol import Check, checks_of, effect_of, recognized, says_how

__all__ = ["Compliance", "RoleCompliance", "check_acquisition", "comply"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RoleCompliance:
    """One expected series and the series of the exam that take its role."""

    expected: ExpectedSeries
    series: tuple[SeriesHeader, ...]
    checks: tuple[tuple[Check, ...], ...]
    """Of each series."""
    missing: str | None = None
    """In words, where there are too few; with what that does to the result in `effect`."""
    effect: str = ""

    @property
    def verdict(self) -> Verdict:
        """Pass, tolerance where something deviates, not evaluated where something is unknown."""
        states = {check.state for checks in self.checks for check in checks}
        if "deviates" in states or (self.missing and (self.series or self.expected.required)):
            return Verdict.TOLERANCE
        return Verdict.NOT_EVALUATED if "unknown" in states else Verdict.PASS


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Compliance:
    """One exam held against one protocol."""

    exam: Exam
    protocol: Protocol
    chosen: str
    """Why this protocol, with the next best one."""
    roles: tuple[RoleCompliance, ...]
    unmatched: tuple[SeriesHeader, ...]

    @property
    def verdict(self) -> Verdict:
        """The worst of all roles: a deviation is known, so it goes before an unknown."""
        verdicts = {role.verdict for role in self.roles}
        for verdict in (Verdict.TOLERANCE, Verdict.NOT_EVALUATED):
            if verdict in verdicts:
                return verdict
        return Verdict.PASS


def check_acquisition(
    paths: Sequence[Path],
    protocol: Protocol | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> tuple[Compliance, ...]:
    """Read files and hold each exam in them against a protocol; no pixels are read.

    Parameters
    ----------
    paths
        Files, folders or archives.
    protocol
        None: for each exam the one that fits best, see `docs/protocols.md`.
    progress
        Is told in words what is being done.

    Raises
    ------
    ReadError
        If the paths hold no images.
    ExamError
        If no protocol fits.
    UsageError
        If the protocol does not say how its series are acquired.
    """
    where = ", ".join(str(path) for path in paths)
    known = _known() if protocol is None else (protocol,)
    if protocol is not None and not _usable(protocol):
        raise UsageError(
            f"{protocol.id!r} does not say how series that are recognized by what is varied are "
            "acquired",
            where="--protocol",
            hint=f"one of {', '.join(p.id for p in _known())}; qiqa qc tells deviations of others",
        )
    progress("reading headers")
    contents = read(list(paths))
    exams = exams_of(contents)
    if not exams:
        raise nothing_found(contents, where)
    return tuple(_best(exam, known, where, asked=protocol is not None) for exam in exams)


def _usable(protocol: Protocol) -> bool:
    """Say whether a protocol tells how to acquire series that headers alone can recognize."""
    return all(s.encoding is not None for s in protocol.series) and any(
        says_how(s) for s in protocol.series
    )


def _known() -> tuple[Protocol, ...]:
    return tuple(p for p in map(load_protocol, names("protocols")) if _usable(p))


def _best(exam: Exam, known: tuple[Protocol, ...], where: str, *, asked: bool) -> Compliance:
    """Return the result for the protocol of this maker that most series fit, best kept first."""
    if asked:
        return comply(exam, known[0], "asked for")
    maker = normal_manufacturer(exam.scanner.manufacturer)
    own = [p for p in known if maker is None or p.manufacturer in (None, maker)]
    results = sorted((comply(exam, p) for p in own), key=lambda r: (_rank(r), r.protocol.id))
    # a plain stack could be of any phantom: only what was varied tells that a protocol was meant
    results = [r for r in results if _rank(r)[0] < 0]
    if not results:
        raise ExamError(
            f"no known protocol fits {exam.label}",
            where=where,
            hint=f"choose one with --protocol: {', '.join(p.id for p in known)}",
        )
    first = results[0]
    said = f"fits best: {_fit(first)}"
    if len(results) > 1:
        said += f"; next {results[1].protocol.id}: {_fit(results[1])}"
    return dataclasses.replace(first, chosen=said)


def _rank(result: Compliance) -> tuple[int, int, int]:
    required = sum(bool(r.series) for r in result.roles if r.expected.required)
    return (-required, -sum(bool(r.series) for r in result.roles), _n_deviations(result))


def _n_deviations(result: Compliance) -> int:
    return sum(
        check.state == "deviates"
        for role in result.roles
        for checks in role.checks
        for check in checks
    )


def _fit(result: Compliance) -> str:
    n, found = len(result.roles), sum(bool(role.series) for role in result.roles)
    return f"{found} of {n} series found, {_n_deviations(result)} deviations"


def comply(exam: Exam, protocol: Protocol, chosen: str = "") -> Compliance:
    """Hold one exam against one protocol.

    A series takes the role, among those that it is recognized as, from which it deviates least.
    """
    headers, _ = collect(exam.headers)
    members: list[list[SeriesHeader]] = [[] for _ in protocol.series]
    unmatched = []
    for header in headers:
        fitting = [n for n, e in enumerate(protocol.series) if recognized(header, e)]
        if not fitting:
            unmatched.append(header)
            continue
        members[min(fitting, key=lambda n: (_far(header, protocol.series[n]), n))].append(header)
    roles = [_role(e, tuple(m)) for e, m in zip(protocol.series, members, strict=True)]
    return Compliance(
        exam=exam,
        protocol=protocol,
        chosen=chosen,
        roles=tuple(roles),
        unmatched=tuple(unmatched),
    )


def _far(header: SeriesHeader, expected: ExpectedSeries) -> int:
    return sum(check.state == "deviates" for check in checks_of(header, expected))


def _role(expected: ExpectedSeries, series: tuple[SeriesHeader, ...]) -> RoleCompliance:
    wanted, n = expected.repeats or 1, len(series)
    missing, effect = None, ""
    if n == 0:
        missing, effect = "not there", effect_of(expected, "missing")
    elif n < wanted:
        missing, effect = f"{n} of {wanted} repeats", effect_of(expected, "repeats")
    return RoleCompliance(
        expected=expected,
        series=series,
        checks=tuple(checks_of(header, expected) for header in series),
        missing=missing,
        effect=effect,
    )
