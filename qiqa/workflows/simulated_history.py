"""Simulated years as exams that the history database takes, clearly marked as simulated."""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from qiqa import __version__
from qiqa.assess import assess
from qiqa.core.canonical import digest
from qiqa.core.finding import Finding, Severity
from qiqa.core.measurement import Interval, Measurement
from qiqa.core.phantom import Phantom
from qiqa.core.protocol import Protocol
from qiqa.core.result import ExamSeries, Provenance, QcResult
from qiqa.core.scanner import Acquisition
from qiqa.core.series import SourceFile
from qiqa.io.definitions import load_phantom, load_protocol
from qiqa.simulate.history_metrics import Metric
from qiqa.simulate.history_result import SimulatedHistory, exam_text, software_text, unit_text
from qiqa.simulate.history_table import ALGORITHM, UNMEASURED, simulated_scanner

__all__ = ["exam_results"]

_PHANTOM, _PROTOCOL = "acr_large", "acr_large_2022"
_NO_IMAGE = (0, 0, 0, 0)
_NO_VOXEL = (math.nan, math.nan, math.nan)
_K95 = 1.959964
"""Coverage factor of 95 % of a normal distribution."""
_SIMULATED = Finding(
    code="simulated_exam",
    severity=Severity.WARNING,
    message="the values of this exam are simulated: no scanner was measured, there are no images",
    hint="keep it apart from real exams",
)


def exam_results(
    history: SimulatedHistory, seed: int, *, user: str, now: dt.datetime
) -> Iterator[QcResult]:
    """Yield every exam of a simulated history as a result of the large ACR phantom.

    Values are judged by the limits of `acr_large_2022`; an exam's input file stands for its rows,
    whose content is hashed. An exam that is listed twice has the same content and so the same
    hash: the database keeps it once.

    Parameters
    ----------
    history
        What was simulated.
    seed
        Of its random numbers, for the record.
    user
        Who simulated.
    now
        When, with time zone.
    """
    phantom, protocol = load_phantom(_PHANTOM), load_protocol(_PROTOCOL)
    ends = np.searchsorted(history.exam, np.arange(len(history.exam_at) + 1)).tolist()
    for index in range(len(history.exam_at)):
        if ends[index] < ends[index + 1]:  # an exam without any row is no result
            rows = range(ends[index], ends[index + 1])
            yield _result(history, index, rows, (phantom, protocol), (seed, user, now))


def _result(
    history: SimulatedHistory,
    index: int,
    rows: range,
    definitions: tuple[Phantom, Protocol],
    made: tuple[int, str, dt.datetime],
) -> QcResult:
    phantom, protocol = definitions
    name = history.spec.names[history.exam_scanner[index]]
    scanner = simulated_scanner(name)
    acquisition = Acquisition(
        acquired_at=history.exam_at[index].item(),
        software=software_text(int(history.exam_software[index])),
        temperature_degc=float(history.exam_temperature_degc[index]),
    )
    unit = unit_text(name, int(history.exam_unit[index]))
    metrics = [history.spec.metrics[history.metric[row]] for row in rows]
    values = [(float(history.value[r]), float(history.standard_uncertainty[r])) for r in rows]
    content = {
        "scanner": name,
        "acquisition": acquisition,
        "phantom_unit": unit,
        "rows": [[m.label, *pair] for m, pair in zip(metrics, values, strict=True)],
    }
    sha256 = digest(content)
    measured = [
        _measurement(m, pair, sha256, phantom) for m, pair in zip(metrics, values, strict=True)
    ]
    title = exam_text(name, int(history.exam_week[index]), bool(history.exam_copy[index]))
    return QcResult(
        phantom=phantom,
        protocol=protocol,
        scanner=scanner,
        acquired_at=acquisition.acquired_at,
        phantom_unit=unit,
        series=_series(metrics, sha256, acquisition),
        assessments=tuple(assess(m, protocol, scanner.field_strength_t) for m in measured),
        evidence=(),
        findings=(_SIMULATED,),
        entries=(
            ("phantom_unit", unit),
            ("temperature", f"{acquisition.temperature_degc:.1f}"),
        ),
        provenance=_provenance(SourceFile(path=title, sha256=sha256), definitions, made),
    )


def _stack(sha256: str, role: str) -> str:
    """Return a name for the series of a role: none was acquired, so it has no UID."""
    return f"simulated:{sha256[:16]}:{role}"


def _series(metrics: list[Metric], sha256: str, acquisition: Acquisition) -> tuple[ExamSeries, ...]:
    return tuple(
        ExamSeries(
            series_uid=_stack(sha256, role),
            stack=_stack(sha256, role),
            role=role,
            description="simulated history, no images",
            acquisition=acquisition,
            shape=_NO_IMAGE,
            voxel_size_mm=_NO_VOXEL,
            deviations=(),
            pose=None,
        )
        for role in dict.fromkeys(metric.role for metric in metrics)
    )


def _measurement(
    metric: Metric, pair: tuple[float, float], sha256: str, phantom: Phantom
) -> Measurement:
    value, u = pair
    whole = metric.kind in ("count", "discrete")
    more: dict[str, Any] = {}
    if not math.isfinite(value):
        more["reason"] = UNMEASURED
    elif math.isfinite(u) and not whole:
        more["interval"] = Interval(
            low=max(value - _K95 * u, metric.low), high=min(value + _K95 * u, metric.high)
        )
        more["degrees_of_freedom"] = math.inf
    return Measurement(
        name=metric.name,
        quantity=metric.quantity,
        unit=metric.unit,
        value=value,
        standard_uncertainty=u,
        insert=metric.insert or None,
        slice=metric.slice,
        reference=phantom.reference_for(metric.quantity, metric.insert or None),
        series_uid=_stack(sha256, metric.role),
        stack=_stack(sha256, metric.role),
        role=metric.role,
        assumptions=("simulated",),
        algorithm=ALGORITHM,
        **more,
    )


def _provenance(
    source: SourceFile, definitions: tuple[Phantom, Protocol], made: tuple[int, str, dt.datetime]
) -> Provenance:
    seed, user, now = made
    return Provenance(
        inputs=(source,),
        definitions=tuple(
            SourceFile(path=Path(item.path).name, sha256=item.sha256) for item in definitions
        ),
        versions=(("qiqa", __version__), ("numpy", importlib.metadata.version("numpy"))),
        algorithms=(ALGORITHM,),
        parameters=(("seed", str(seed)),),
        user=user,
        created_at=now,
    )
