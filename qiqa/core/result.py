"""One exam: everything that was found, measured and judged, and what proves it."""

from __future__ import annotations

import dataclasses
import datetime as dt

from qiqa.core.canonical import digest
from qiqa.core.evidence import Evidence
from qiqa.core.finding import Finding
from qiqa.core.measurement import Assessment, Verdict, worst
from qiqa.core.phantom import Phantom
from qiqa.core.pose import PhantomPose
from qiqa.core.protocol import Protocol
from qiqa.core.scanner import Acquisition, Scanner
from qiqa.core.series import SourceFile

__all__ = ["ExamSeries", "Provenance", "QcResult"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """What a result was made from and with."""

    inputs: tuple[SourceFile, ...]
    definitions: tuple[SourceFile, ...]
    versions: tuple[tuple[str, str], ...]
    """Package and version, qiqa first."""
    algorithms: tuple[str, ...]
    parameters: tuple[tuple[str, str], ...]
    """Options that differ from the defaults."""
    user: str
    created_at: dt.datetime
    """UTC."""

    @property
    def identity(self) -> str:
        """SHA-256 of what makes two runs the same: inputs, definitions, algorithms, parameters."""
        return digest(
            {
                "inputs": sorted(item.sha256 for item in self.inputs),
                "definitions": sorted(item.sha256 for item in self.definitions),
                "algorithms": sorted(self.algorithms),
                "parameters": sorted(self.parameters),
            }
        )

    @property
    def input_identity(self) -> str:
        """SHA-256 of the set of input files alone: which exam, whatever was done with it."""
        return digest(sorted(item.sha256 for item in self.inputs))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExamSeries:
    """One series of the exam."""

    series_uid: str
    stack: str
    """SeriesHeader.key."""
    role: str
    description: str | None
    acquisition: Acquisition
    shape: tuple[int, int, int, int]
    voxel_size_mm: tuple[float, float, float]
    deviations: tuple[str, ...]
    """How the acquisition differs from the protocol, in words."""
    pose: PhantomPose | None
    """None where the phantom was not found in it."""
    failure: str | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class QcResult:
    """One exam, judged."""

    phantom: Phantom
    protocol: Protocol
    scanner: Scanner
    acquired_at: dt.datetime | None
    phantom_unit: str | None
    """Serial number of the phantom, if entered."""
    series: tuple[ExamSeries, ...]
    assessments: tuple[Assessment, ...]
    evidence: tuple[Evidence, ...]
    findings: tuple[Finding, ...]
    entries: tuple[tuple[str, str], ...]
    """What a person entered: id, value as text."""
    provenance: Provenance

    @property
    def verdict(self) -> Verdict:
        """Verdict on the whole exam."""
        return worst(self.assessments)
