"""Vetting of a training set: what headers and pixels say of a series, and what is decided."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from qiqa.core.finding import Severity

__all__ = [
    "LABELS",
    "MANIFEST_SCHEMA",
    "POLICY_SCHEMA",
    "VET_SCHEMA",
    "Action",
    "Check",
    "Decision",
    "Examined",
    "FileNote",
    "Instance",
    "Needs",
    "Observation",
    "Override",
    "PolicyChange",
    "PolicyRule",
    "Reason",
    "SeriesFacts",
    "SeriesSummary",
    "SetAnswer",
    "SetStatement",
    "Setting",
    "Settings",
    "Stack",
    "VetPolicy",
]

VET_SCHEMA = "qiqa.vet/1"
MANIFEST_SCHEMA = "qiqa.manifest/1"
POLICY_SCHEMA = "qiqa.vet_policy/1"

FloatArray = NDArray[np.float64]
Value = str | float
LABELS = "SEG"
"""Modality of a map of labels, as DICOM names segmentations."""
Settings = Mapping[str, float | str | tuple[str, ...]]
"""Name of a setting of a check -> its value."""


class Action(enum.StrEnum):
    """What is done with a series; the later one wins."""

    KEEP = "keep"
    CORRECT = "correct"
    QUARANTINE = "quarantine"
    REJECT = "reject"

    @property
    def rank(self) -> int:
        """0 for keep, 3 for reject."""
        return list(Action).index(self)


class Needs(enum.StrEnum):
    """What a check has to see."""

    FILE = "file"
    """The bytes of one header; done while scanning."""
    HEADER = "header"
    """What the headers of one series say."""
    KIND = "kind"
    """One stack of images, before all others: what it calls another modality is asked no more."""
    PIXELS = "pixels"
    """One stack of images."""
    SET = "set"
    """All series together."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One thing that a check may say; its code never changes its meaning."""

    code: str
    """snake_case."""
    severity: Severity
    title: str
    """A few words for a table."""
    meaning: str
    """What was found, and what it would do to a model."""
    unit: str = ""
    """Of the value: `%`, `mm`, `day`, ...; empty for counts and plain yes."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A number or words that a check takes from the policy."""

    name: str
    default: float | str | tuple[str, ...]
    meaning: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check: a module in `qiqa.vetting.checks` (or `qiqa.io.scan`) that has this as CHECK."""

    name: str
    needs: Needs
    title: str
    reasons: tuple[Reason, ...]
    settings: tuple[Setting, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What was seen of one series. Whether it matters is said by the policy."""

    code: str
    value: float = 1.0
    """In the unit of the reason; larger is worse. 1 for a plain yes."""
    evidence: str = ""
    """In words, with numbers; never a name, a date of birth or any other identity."""
    where: str = ""
    """File in the series, slice, or attribute."""
    correction: str = ""
    """What would put it right, for instance `multiply by 1e-06`; empty: nothing known would."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FileNote:
    """A file that is part of no series: unreadable, or something else."""

    path: str
    """Below the folder given, with forward slashes; `archive.zip: member` in an archive."""
    kind: str
    """`unreadable`, or what it is: `not DICOM`, `structured report`, ..."""
    size: int
    observations: tuple[Observation, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One image object of a series, and where its pixels are."""

    path: str
    """As in `FileNote`."""
    size: int
    """Bytes of the file."""
    sop_uid: str = ""
    position_mm: tuple[float, float, float] | None = None
    orientation: tuple[float, ...] | None = None
    """Six cosines: along a row, down a column (DICOM, LPS)."""
    instance_number: int | None = None
    moment: str = ""
    """Acquisition date and time as DICOM writes them, to the second."""
    axis: tuple[float, ...] = ()
    """Echo time, b-value, inversion time, flip angle, temporal position; NaN where not stated."""
    rows: int = 0
    columns: int = 0
    frames: int = 1
    bits: int = 0
    """Allocated, of one value."""
    signed: bool = False
    samples: int = 1
    slope: float = 1.0
    intercept: float = 0.0
    spacing_mm: tuple[float, float] | None = None
    """Between rows, between columns."""
    pixel_offset: int = -1
    """Byte where plain pixels begin; -1 where they have to be decoded, or are none."""
    pixel_length: int = 0
    little: bool = True


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SeriesFacts:
    """What the headers of one series say, without any identity of a person."""

    path: str
    """Folder of its files, or the file where there is one; below the folder given."""
    series_uid: str
    """For a NIfTI file `nifti:` and its path."""
    study_uid: str = ""
    patient_hash: str = ""
    """Keyed hash of the patient's ID (or of its name, where there is no ID); "" unknown."""
    site: str = ""
    scanner: str = ""
    """As `Scanner.identity`: maker and serial number, or their pseudonym."""
    attributes: Mapping[str, tuple[Value, ...]] = dataclasses.field(default_factory=dict)
    """DICOM keyword -> the different values in the series, sorted; at most 32 of them.
    Only those of `qiqa.io.scan.attributes`: none names a person. Names in small letters are no
    keywords: `declared_labels` are the values that `dataset.json` allows a map of labels."""
    instances: tuple[Instance, ...] = ()
    """Sorted by path."""
    observations: tuple[Observation, ...] = ()
    """Of its files, made while scanning."""
    grid: tuple[float, ...] = ()
    """Of a NIfTI file, (16,) as `qiqa.core.vet_table.GRID` names them; of others empty."""

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(one.size for one in self.instances)

    def text(self, keyword: str) -> str:
        """Return the first value of an attribute as text; "" where it is not stated."""
        values = self.attributes.get(keyword, ())
        return str(values[0]) if values else ""

    def number(self, keyword: str) -> float:
        """Return the first value of an attribute as a number; NaN where it is none."""
        values = self.attributes.get(keyword, ())
        return float(values[0]) if values and isinstance(values[0], int | float) else float("nan")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False, weakref_slot=True)
class Stack:
    """Pixels of one series: the largest stack of parallel slices in it."""

    facts: SeriesFacts
    signal: NDArray[np.float32]
    """(i, j, k, n): along a row, down a column, through the slices, volumes; in the unit of the
    image, after rescaling. NaN where a slice is missing."""
    affine: FloatArray
    """(4, 4) (i, j, k) to RAS+ mm."""
    stored_range: tuple[float, float]
    """Least and largest value that the stored type can hold, after rescaling."""
    quantization: float
    """Step between neighboring stored values, after rescaling."""
    left_out: int = 0
    """Images of the series that are not in this stack."""

    @property
    def voxel_mm(self) -> tuple[float, float, float]:
        """Voxel size along i, j, k [mm]."""
        size = np.linalg.norm(self.affine[:3, :3], axis=0)
        return (float(size[0]), float(size[1]), float(size[2]))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What one or several checks saw of one series."""

    observations: tuple[Observation, ...] = ()
    features: Mapping[str, float] = dataclasses.field(default_factory=dict)
    """Name -> value in the unit that its definition says; NaN where it could not be measured."""
    signature: bytes = b""
    """For finding duplicates, see `qiqa.vetting.signature`; empty where there is none."""
    thumbnail: bytes = b""
    """Gray values of the middle slice, 96 x 96, for a person; empty where there is none."""
    modality: str = ""
    """As DICOM names it, where pixels tell another one than headers; else empty."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SeriesSummary:
    """What is kept of a series once it was examined: a row of `VetTable` and more."""

    path: str
    series_uid: str
    texts: Mapping[str, str]
    numbers: Mapping[str, float]
    """Those that are known."""
    date: str
    """Day of acquisition, YYYY-MM-DD; "" unknown."""
    files: int
    size: int
    """Bytes of all files."""
    seen: str
    """Digest of what was seen of it by itself: another one means that it is not what it was."""
    examined: Examined
    """Observations of files, headers and pixels together."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SetStatement:
    """What was found of the set as a whole."""

    code: str
    value: float
    """In the unit of the reason; larger is worse; NaN where it could not be found."""
    interval: tuple[float, float] = (float("nan"), float("nan"))
    """95 %."""
    p: float = float("nan")
    evidence: str = ""
    subject: str = ""
    """What it is about: two columns, a site, a feature."""
    rows: tuple[tuple[str, ...], ...] = ()
    """For the card, first row headings: what it rests on."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SetAnswer:
    """What a check of all series says."""

    observations: tuple[tuple[int, Observation], ...] = ()
    """Row of the table, what was seen of it."""
    statements: tuple[SetStatement, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRule:
    """From which value on something is done, what, and who decided it."""

    code: str
    limit: float
    """A value above it calls for the action."""
    action: Action
    owner: str
    reason: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PolicyChange:
    """A change of a policy after results were seen."""

    at: dt.datetime
    who: str
    reason: str
    before_sha256: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class VetPolicy:
    """What is decided beforehand."""

    name: str
    purpose: str
    owner: str
    decided_on: dt.date
    rules: Mapping[str, PolicyRule]
    """Reason code -> rule; a code without a rule is shown and changes nothing."""
    settings: Mapping[str, Settings]
    """Check -> its settings; those not named have their default."""
    off: tuple[str, ...] = ()
    """Checks that are not run."""
    changes: tuple[PolicyChange, ...] = ()
    sha256: str = ""
    """Of the file."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """A person's decision on one series."""

    series_uid: str
    action: Action
    who: str
    reason: str
    at: dt.datetime
    reasons: tuple[str, ...] = ()
    """What the policy called for when it was made: codes."""
    seen: str = ""
    """`SeriesSeen.seen` then; empty where an earlier version did not keep it."""

    @property
    def admits(self) -> bool:
        """Whether it lets a series be used."""
        return self.action in (Action.KEEP, Action.CORRECT)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What is done with one series, and why."""

    action: Action
    reasons: tuple[str, ...]
    """Codes that call for it or for a milder action, worst first."""
    corrections: tuple[str, ...] = ()
    override: Override | None = None
    """A person's, where it holds."""
    lapsed: bool = False
    """Whether a person had decided, and it no longer fits."""

    @property
    def asked_corrections(self) -> tuple[str, ...]:
        """What has to be done before use; nothing of a series that is not used, or as it is."""
        return self.corrections if self.action is Action.CORRECT else ()
