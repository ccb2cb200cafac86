"""Parameter maps: from files to maps, BIDS files and a page to judge them by."""

from __future__ import annotations

import dataclasses
import datetime as dt
import importlib.metadata
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Literal

from qiqa import __version__
from qiqa.core.canonical import plain
from qiqa.core.errors import OutputError, UsageError
from qiqa.core.finding import Finding, Severity
from qiqa.core.fit_evidence import FitEvidence, MapResult
from qiqa.core.result import Provenance
from qiqa.core.series import Series, SeriesHeader
from qiqa.fitting import fit
from qiqa.io.collecting import collect
from qiqa.io.loading import load
from qiqa.io.map_names import entities_of
from qiqa.io.reading import read
from qiqa.io.write_maps import write_maps
from qiqa.models import MODELS
from qiqa.report.maps import write_map_html
from qiqa.workflows.choosing import nothing_found
from qiqa.workflows.choosing_model import QUANTITIES, Choice, choose
from qiqa.workflows.given_maps import read_b1, read_mask, source_of
from qiqa.workflows.parts import Part, parts
from qiqa.workflows.showing_fit import show_fit, told

__all__ = ["MapRequest", "run_map"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MapRequest:
    """What to do; everything but paths, quantity and output has a default."""

    paths: tuple[Path, ...]
    quantity: str
    """A name in `QUANTITIES`."""
    output: Path
    """Folder of the BIDS derivatives; made where it does not exist."""
    model: str | None = None
    """Name in `qiqa.models`; None takes the one that fits the acquisition."""
    series: int | None = None
    """Which of several series that would do, from 1."""
    mask: Path | None = None
    """NIfTI on the grid of the images; voxels that are not 0 are fitted."""
    b1: Path | None = None
    """NIfTI of the flip angle relative to nominal, on the grid of the images."""
    noise_sd: Literal["estimate"] | float | None = "estimate"
    """`estimate`, a number in signal units, or None: the noise floor is not judged."""
    directions: str | None = None
    """For diffusion, a name in `DIRECTIONS`; None decides by how many there are."""
    covariance: bool = False
    threads: int | None = None
    report: bool = True
    overwrite: bool = False


_MANY = 0.2
"""Share of uncertain answers from which on a finding says so."""


class _Clock:
    """Seconds of each step."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, float]] = []
        self._last = time.perf_counter()

    def lap(self, step: str) -> float:
        """Note the time since the last step."""
        now = time.perf_counter()
        seconds, self._last = now - self._last, now
        self.steps.append((step, seconds))
        return seconds


def run_map(
    request: MapRequest,
    *,
    now: dt.datetime,
    user: str = "unknown",
    tell: Callable[[str], None] = lambda _: None,
    progress: Callable[[float], None] = lambda _: None,
) -> MapResult:
    """Read, choose, fit, write and report one series.

    Parameters
    ----------
    request
        What to do.
    now
        Time of the run, with time zone.
    user
        Who runs it.
    tell
        Is told in words what is being done.
    progress
        Is told the fraction of the fit that is done.

    Raises
    ------
    ReadError
        If the paths hold no images, or mask or B1 map lie on another grid.
    ExamError
        If no series will do, or several.
    UsageError
        If an option does not fit the series or the model.
    OutputError
        If files cannot be written, or exist and are not to be overwritten.
    """
    asked = _checked(request)
    where = ", ".join(str(path) for path in request.paths)
    clock = _Clock()
    tell("reading headers")
    contents = read(list(request.paths))
    if not contents.headers:
        raise nothing_found(contents, where)
    headers, collected = collect(contents.headers)
    choice = choose(
        headers,
        request.quantity,
        where=where,
        model=asked,
        number=request.series,
        directions=request.directions,
    )
    clock.lap("reading")
    tell(f"loading {choice.header.description or choice.header.series_uid}")
    series = load(choice.header)
    pieces = parts(series, choice.directions)
    clock.lap("loading")
    fits = _fitted(request, choice, pieces, tell, progress)
    clock.lap("fitting")
    result = MapResult(
        quantity=request.quantity,
        model=choice.model,
        why=choice.why,
        header=choice.header,
        fits=fits,
        findings=_once(
            *_about_files(contents.findings, headers, choice),
            *collected,
            *choice.findings,
            *(finding for item in fits for finding in item.maps.findings),
            *_little_more_than_noise(fits),
        ),
        provenance=_provenance(request, series, fits, now, user),
    )
    return _delivered(request, result, clock, tell)


def _checked(request: MapRequest) -> ModuleType | None:
    """Refuse what cannot be done before anything is read; return the model asked for."""
    if request.quantity not in QUANTITIES:
        known = ", ".join(QUANTITIES)
        raise UsageError(f"{request.quantity!r} is not one of {known}", where="quantity")
    if request.output.exists() and not request.output.is_dir():
        raise OutputError(
            "is a file; maps need a folder", where=str(request.output), hint="choose another -o"
        )
    if request.directions is not None and request.quantity != "adc":
        raise UsageError("directions belong to ADC maps", where="--directions")
    model = None if request.model is None else MODELS.load(request.model)
    takes_b1 = request.quantity == "t1" or getattr(model, "TAKES_B1", False)
    if request.b1 is not None and not takes_b1:
        raise UsageError(
            "a B1 map corrects the flip angles of a T1 map",
            where="--b1",
            hint="or those of a train of echoes: --model t2_epg"
            if request.quantity == "t2"
            else None,
        )
    return model


def _fitted(
    request: MapRequest,
    choice: Choice,
    pieces: tuple[Part, ...],
    tell: Callable[[str], None],
    progress: Callable[[float], None],
) -> tuple[FitEvidence, ...]:
    model = MODELS.load(choice.model)
    mask = None if request.mask is None else read_mask(request.mask, choice.header)
    b1 = None if request.b1 is None else read_b1(request.b1, choice.header)
    takes_b1 = choice.header.encoding.name == "flip_angle" or getattr(model, "TAKES_B1", False)
    if b1 is not None and not takes_b1:
        raise UsageError(
            "a B1 map corrects flip angles, and this series has none that vary", where="--b1"
        )
    fits = []
    for number, piece in enumerate(pieces):
        tell(f"fitting {choice.model}{f', {piece.label}' if piece.label else ''}")

        def done(fraction: float, before: int = number) -> None:
            progress((before + fraction) / len(pieces))

        started = time.perf_counter()
        maps = fit(
            piece.series,
            choice.model,
            mask=mask,
            noise_sd=request.noise_sd,
            b1=b1,
            covariance=request.covariance,
            threads=request.threads,
            progress=done,
        )
        seconds = time.perf_counter() - started
        fits.append(show_fit(piece.series, maps, model, b1=b1, label=piece.label, seconds=seconds))
    return tuple(fits)


def _delivered(
    request: MapRequest, result: MapResult, clock: _Clock, tell: Callable[[str], None]
) -> MapResult:
    """Write the files, then the page that names them."""
    tell(f"writing {request.output}")
    files: list[Path] = []
    for number, item in enumerate(result.fits, start=1):
        files += write_maps(
            item.maps,
            request.output,
            entities=_entities(item, number),
            provenance=_for_sidecar(result, item),
            overwrite=request.overwrite,
        )
    clock.lap("writing files")
    result = dataclasses.replace(result, files=tuple(files), timing=tuple(clock.steps))
    if request.report:
        tell("drawing the report")
        path = write_map_html(result, request.output / _page_name(files, result.quantity))
        clock.lap("drawing the report")
        result = dataclasses.replace(result, report=path, timing=tuple(clock.steps))
    return result


def _entities(item: FitEvidence, number: int) -> dict[str, str] | None:
    """Return BIDS entities: those of the images, and for a direction a name of its own."""
    if not item.label:
        return None
    entities = entities_of(item.maps.header)
    return {**entities, "acq": f"{entities.get('acq', '')}dir{number:02d}"}


def _for_sidecar(result: MapResult, item: FitEvidence) -> dict[str, object]:
    made = result.provenance
    return {
        "sources": made.inputs,
        "references": list(item.references),
        "equation": item.equation,
        "why": result.why,
        "options": dict(made.parameters),
        "versions": dict(made.versions),
        "user": made.user,
        "created_at": plain(made.created_at),
        "identity": made.identity,
    }


def _page_name(files: list[Path], quantity: str) -> str:
    """Return the name of the first map with another ending, so that subjects stay apart."""
    maps = [path.name for path in files if path.name.endswith(".nii.gz")]
    stem = maps[0].removesuffix(".nii.gz") if maps else quantity
    return f"{stem}.html"


def _about_files(
    findings: tuple[Finding, ...], headers: tuple[SeriesHeader, ...], choice: Choice
) -> tuple[Finding, ...]:
    """Leave out what was noticed about series that were not chosen."""
    others = {h.series_uid for h in headers} - {choice.header.series_uid}
    return tuple(f for f in findings if f.series_uid not in others)


def _little_more_than_noise(fits: tuple[FitEvidence, ...]) -> tuple[Finding, ...]:
    """Tell where medians are those of air: many answers, each as uncertain as it is large."""
    answers = sum(item.summaries[0].n for item in fits)
    sure = sum(int(told(item.maps).sum()) for item in fits)
    if answers == 0 or sure > (1.0 - _MANY) * answers:
        return ()
    return (
        Finding(
            code="uncertain_answers",
            severity=Severity.WARNING,
            message=f"{100 * (1 - sure / answers):.0f} % of the voxels with an answer have a "
            "standard error of more than half of it: air or noise, and the medians include them",
            hint="give the object with --mask",
        ),
    )


def _once(*findings: Finding) -> tuple[Finding, ...]:
    return tuple(dict.fromkeys(findings))


def _provenance(
    request: MapRequest,
    series: Series,
    fits: tuple[FitEvidence, ...],
    now: dt.datetime,
    user: str,
) -> Provenance:
    default = MapRequest(paths=(), quantity="", output=Path())
    ignored = ("paths", "output", "report", "overwrite", "threads")
    given = {}
    for field in dataclasses.fields(request):
        value = getattr(request, field.name)
        if field.name not in ignored and value != getattr(default, field.name):
            # folders hold names of people more often than not; the hash says which file
            given[field.name] = value.name if isinstance(value, Path) else str(value)
    drawn = tuple(source_of(path) for path in (request.mask, request.b1) if path is not None)
    libraries = ("numpy", "numba", "pydicom", "nibabel")
    return Provenance(
        inputs=(*series.sources, *drawn),
        definitions=(),
        versions=(
            ("qiqa", __version__),
            *((name, importlib.metadata.version(name)) for name in libraries),
        ),
        algorithms=tuple(sorted({item.maps.algorithm for item in fits})),
        parameters=tuple(sorted(given.items())),
        user=user,
        created_at=now,
    )
