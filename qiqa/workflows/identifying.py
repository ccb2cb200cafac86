"""Which of the known phantoms an exam shows, from its images alone, and the protocol for it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from qiqa.core.arrangement import Arrangement
from qiqa.core.contents import Contents
from qiqa.core.cylinder import CylinderPhantom
from qiqa.core.errors import ExamError, LocateError, QiqaError
from qiqa.core.exam import Exam
from qiqa.core.phantom import Phantom
from qiqa.core.pose import Override
from qiqa.core.protocol import ANY_PHANTOM, Protocol
from qiqa.core.series import Series, SeriesHeader
from qiqa.io.collecting import collect
from qiqa.io.definitions import load_phantom, load_protocol, names
from qiqa.io.loading import load
from qiqa.io.reading import read
from qiqa.locate import locate
from qiqa.locate.arrangement import MOST_SLICES
from qiqa.workflows.choosing import choose_exam

__all__ = ["Identity", "identify", "protocol_for", "what_is_shown"]

_MOST_SERIES = 6
"""Series that are looked at; one that shows a phantom is enough."""
_MEASURES = {"b_value": "adc", "inversion_time": "t1", "flip_angle": "t1", "echo_time": "t2"}
"""What is measured by varying what."""
_SURE = 0.6
"""Score from which nothing else need be tried: what is no phantom of a kind stays below 0.45."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The phantom that an exam shows."""

    phantom: Phantom
    score: float
    series: str
    """Name of the series that it was seen in."""


def identify(exam: Exam, progress: Callable[[str], None]) -> Identity:
    """Return the known phantom that the images of an exam show best.

    Parameters
    ----------
    exam
        Its series are tried one after the other, small ones first, until one is sure.
    progress
        Is told in words what is being done.

    Raises
    ------
    LocateError
        If no series shows a known phantom; the message says what was looked for.
    """
    progress("looking which phantom it is")
    known = [load_phantom(name) for name in names("phantoms")]
    best: Identity | None = None
    for series in _some(exam):
        name = series.header.description or series.header.series_uid
        for phantom in _likely(known, series.header):
            try:
                pose = locate(series, phantom, Override())
            except LocateError:
                continue
            if best is None or pose.score > best.score:
                best = Identity(phantom=phantom, score=pose.score, series=name)
            if best.score >= _SURE:
                return best
    if best is None:
        looked = ", ".join(phantom.name for phantom in known)
        raise LocateError(
            f"no series shows a phantom that is known ({looked})",
            where=exam.label,
            hint="qiqa phantoms lists what is known; a phantom of your own needs one file "
            "(docs/own-phantom.md)",
        )
    return best


def what_is_shown(
    paths: tuple[Path, ...], exam: int | None, progress: Callable[[str], None]
) -> tuple[Contents, Phantom]:
    """Return what the paths hold, and the phantom that they show.

    Raises
    ------
    ReadError, ExamError
        As in `run_qc`.
    LocateError
        As in `identify`.
    """
    progress("reading headers")
    contents = read(list(paths))
    return contents, identify(choose_exam(contents, paths, exam), progress).phantom


def protocol_for(phantom: Phantom) -> Protocol:
    """Return the protocol that a phantom is judged by where none is asked for.

    An arrangement without a protocol of its own gets the one that only records.

    Raises
    ------
    ExamError
        If there is none, or several and none of them says that it is the usual one.
    """
    known = [load_protocol(name) for name in names("protocols")]
    fitting = [p for p in known if p.phantom == phantom.id]
    if not fitting and isinstance(phantom, Arrangement):
        fitting = [p for p in known if p.phantom == ANY_PHANTOM]
    usual = [p for p in fitting if p.usual] or (fitting if len(fitting) == 1 else [])
    if len(usual) == 1:
        return usual[0]
    listed = ", ".join(p.id for p in fitting) or "none"
    raise ExamError(
        f"no protocol is the usual one for the {phantom.name}; there are: {listed}",
        where="--protocol",
        hint="choose one, or write one (docs/definitions.md)",
    )


def _some(exam: Exam) -> Iterator[Series]:
    """Load a few series, one when the last was not enough: magnitudes, of few slices first."""
    headers, _ = collect(exam.headers)
    fit = [h for h in headers if h.component in ("magnitude", "tracew", "trace")]
    fit = [h for h in fit if h.shape[2] >= 1]
    fit.sort(key=lambda h: (h.shape[2] > MOST_SLICES, h.shape[2] * h.shape[3]))
    tried = 0
    for header in fit:
        try:
            yield load(header)
        except QiqaError:
            continue
        tried += 1
        if tried == _MOST_SERIES:
            break


def _likely(known: Sequence[Phantom], header: SeriesHeader) -> list[Phantom]:
    """Return the phantoms in the order of what costs least to rule out."""
    stack = header.shape[3] <= 2 and header.shape[2] >= 4

    def first(phantom: Phantom) -> bool:
        return isinstance(phantom, CylinderPhantom if stack else Arrangement)

    if header.shape[2] > MOST_SLICES:  # stacks of few slices are all that others are known by
        return [phantom for phantom in known if isinstance(phantom, Arrangement)]
    quantity = _MEASURES.get(header.encoding.name)

    def holds(phantom: Phantom) -> bool:
        """Say whether it is certified in what the series measures."""
        own = phantom.certificate if isinstance(phantom, Arrangement) else ()
        return any(table.quantity == quantity for table in own)

    return sorted(known, key=lambda phantom: (not first(phantom), not holds(phantom)))
