"""Say which settings changed where a finding knows only that some did."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Sequence
from typing import Any

from qiqa.core.drift import DriftFinding, ScannerState, SeriesState, TimeSeries
from qiqa.core.history import settings_changed, settings_key
from qiqa.workflows.watching import Watched

__all__ = ["explained"]

_DIGESTS = re.compile(r"settings: ([0-9a-f]{32}) to ([0-9a-f]{32})")


def explained(
    watched: Watched, series: Sequence[TimeSeries], payload: Callable[[int], dict[str, Any]]
) -> Watched:
    """Return the same with settings in words in place of their digests.

    Parameters
    ----------
    watched
        What was found.
    series
        The series it was found in; `exam` names stored exams by their number.
    payload
        Returns a stored exam, `qiqa.qc/1`.
    """
    words = _Words({one.series_key: one for one in series}, payload)
    states = tuple(_state(state, words) for state in watched.scanners)
    by_name = {state.scanner: state for state in states}
    fleet = dataclasses.replace(
        watched.fleet,
        scanners=tuple(
            dataclasses.replace(one, findings=by_name[one.scanner].findings)
            for one in watched.fleet.scanners
        ),
    )
    return Watched(fleet=fleet, scanners=states)


class _Words:
    """Causes in words; each exam is read once."""

    def __init__(
        self, series: dict[str, TimeSeries], payload: Callable[[int], dict[str, Any]]
    ) -> None:
        self._series, self._payload = series, payload
        self._known: dict[str, dict[str, Any]] = {}
        self._read: set[int] = set()

    def finding(self, finding: DriftFinding) -> DriftFinding:
        """Return a finding with its causes in words."""
        if not any(_DIGESTS.fullmatch(cause) for cause in finding.causes):
            return finding
        causes = tuple(self.cause(c, finding.series_key, finding.exam) for c in finding.causes)
        return dataclasses.replace(finding, causes=causes)

    def cause(self, cause: str, key: str, exam: str) -> str:
        """Return one cause in words; as it was where the exams do not tell."""
        match = _DIGESTS.fullmatch(cause)
        one = self._series.get(key)
        if match is None or one is None:
            return cause
        names = one.exam.tolist()
        place = names.index(exam) if exam in names else -1
        for name in names[max(place - 1, 0) : place + 1]:
            self._learn(int(name))
        old, new = (self._known.get(digest) for digest in match.groups())
        if old is None or new is None:
            return "settings of the acquisition"
        return settings_changed(old, new) or "settings of the acquisition"

    def _learn(self, exam: int) -> None:
        if exam in self._read:
            return
        self._read.add(exam)
        for item in self._payload(exam)["series"]:
            self._known[settings_key(item["acquisition"])] = item["acquisition"]


def _state(state: ScannerState, words: _Words) -> ScannerState:
    return dataclasses.replace(
        state,
        findings=tuple(words.finding(f) for f in state.findings),
        series=tuple(_series(s, words) for s in state.series),
    )


def _series(state: SeriesState, words: _Words) -> SeriesState:
    names = state.series.exam.tolist()
    segments = tuple(
        dataclasses.replace(
            segment,
            label="; ".join(
                words.cause(part, state.series.series_key, names[segment.first])
                for part in segment.label.split("; ")
            ),
        )
        for segment in state.segments
    )
    findings = tuple(words.finding(f) for f in state.findings)
    return dataclasses.replace(state, findings=findings, segments=segments)
