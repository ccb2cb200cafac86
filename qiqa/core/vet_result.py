"""A vetted set: what was seen of every series, what is done with it, and what it rests on."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterable, Mapping

from qiqa.core.vetting import (
    Action,
    Check,
    Decision,
    FileNote,
    Observation,
    Override,
    PolicyRule,
    Reason,
    SetStatement,
    VetPolicy,
)

__all__ = [
    "NOT_STATED",
    "THUMBNAIL_SIDE",
    "About",
    "FeatureSummary",
    "GivenFile",
    "GroupCount",
    "OutputFile",
    "ReasonCount",
    "SeriesKey",
    "SeriesSeen",
    "Shown",
    "VetCounts",
    "VetParts",
    "VetProvenance",
    "VetResult",
    "VetRow",
]

NOT_STATED = "not stated"
THUMBNAIL_SIDE = 96
"""Pixels along each side of a thumbnail."""

_NAMING = ("burned_in",)
"""Checks that see what may be a name in the pixels."""

SeriesKey = tuple[str, str]
"""Series UID, then path: what series are sorted by. A UID alone may occur twice."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SeriesSeen:
    """One series and everything that was seen of it; nothing is decided yet."""

    path: str
    """As in `SeriesFacts`."""
    series_uid: str
    patient_hash: str = ""
    site: str = ""
    scanner: str = ""
    modality: str = ""
    seen: str = ""
    """As in `SeriesSummary`; of a table without images, of its measures."""
    observations: tuple[Observation, ...] = ()

    @property
    def key(self) -> SeriesKey:
        """What series are sorted by."""
        return self.series_uid, self.path


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class VetRow(SeriesSeen):
    """One series and what is done with it."""

    decision: Decision


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class GivenFile:
    """A file that the answer depends on, besides the images."""

    role: str
    """`table`, `population`, `history`, `description` (a `dataset.json` among the images), or
    `set` where the set is a table."""
    name: str
    """Without the folders above it."""
    sha256: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class VetProvenance:
    """What a vetted set was made by and from."""

    qiqa_version: str
    at: dt.datetime
    """When the images were read."""
    judged_at: dt.datetime
    """When it was decided; later than `at` where a person or another policy decided again."""
    inputs: tuple[str, ...] = ()
    """Name of each folder, archive or table given; no folders above it."""
    files: tuple[GivenFile, ...] = ()
    """Tables and history as they were when they were read."""
    key_fingerprint: str = ""
    """Of the key of the patients' hashes: hashes of two sets compare where it is the same."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What only a person can say of a data set; nothing of it is guessed."""

    name: str = ""
    description: str = ""
    license: str = ""
    """Name or address."""
    creator: str = ""
    url: str = ""
    version: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One series in a montage."""

    series_uid: str
    path: str
    value: float
    """In the unit of the reason."""
    evidence: str
    site: str
    action: Action
    codes: tuple[str, ...] = ()
    """All that was seen of it, sorted."""

    @property
    def key(self) -> SeriesKey:
        """What series are sorted by."""
        return self.series_uid, self.path


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ReasonCount:
    """How often something was seen, and where."""

    code: str
    seen: int
    """Series of which it was observed, whatever the value."""
    above: int
    """Series above the limit of the policy; 0 where no rule names the code."""
    only: int
    """Series that only this reason keeps from being used as they are."""
    worst: tuple[Shown, ...] = ()
    """Series with the largest values, largest first."""
    typical: tuple[Shown, ...] = ()
    """Series with values next to the median of those above the limit (of all, where none is)."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class GroupCount:
    """Series of one scanner at one site."""

    site: str
    scanner: str
    actions: Mapping[Action, int]

    @property
    def series(self) -> int:
        """How many there are."""
        return sum(self.actions.values())


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class VetCounts:
    """All series, counted once through."""

    series: int
    patients: int
    """Different hashes; series of unknown patients are not in it."""
    actions: Mapping[Action, int]
    """Every action, 0 where there is none."""
    modalities: Mapping[str, int]
    groups: tuple[GroupCount, ...]
    """Sorted by site, then scanner."""
    reasons: Mapping[str, ReasonCount]
    """Code -> count, for every code that was seen."""
    labels: Mapping[Action, int] = dataclasses.field(default_factory=dict)
    """Every action -> series that hold labels of images and are no images themselves."""
    overridden: frozenset[str] = frozenset()
    """Series UID of each decision of a person that holds."""
    lapsed: frozenset[str] = frozenset()
    """Series UID of each decision of a person that no longer fits."""
    corrections: Mapping[str, int] = dataclasses.field(default_factory=dict)
    """What has to be done before series are used -> series whose decision is `correct`."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FeatureSummary:
    """One column of measured image quality; NaN where no series has a value."""

    name: str
    measured: int
    missing: int
    low: float
    """5th percentile."""
    median: float
    high: float
    """95th percentile."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VetParts:
    """What reading and looking gave: all that deciding needs, and no decision."""

    series: Iterable[SeriesSeen]
    """In the order of their keys; gone through several times, so no generator."""
    checks: tuple[Check, ...]
    provenance: VetProvenance
    about: About = dataclasses.field(default_factory=About)
    notes: tuple[FileNote, ...] = ()
    statements: Mapping[str, tuple[SetStatement, ...]] = dataclasses.field(default_factory=dict)
    """Check -> what it says of the set."""
    not_run: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Check that was wanted but could not be done, or code that it could not look for -> why."""
    features: tuple[FeatureSummary, ...] = ()
    thumbnails: Mapping[SeriesKey, bytes] = dataclasses.field(default_factory=dict)
    """96 x 96 gray values of some series, rows first."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VetResult:
    """A set that was decided about, with all that an output shows."""

    parts: VetParts
    policy: VetPolicy
    rows: Iterable[VetRow]
    """In the order of their keys; gone through several times, so no generator."""
    counts: VetCounts
    overrides: tuple[Override, ...] = ()
    """All that persons ever decided, oldest first; for each series the last one holds."""

    @property
    def reasons(self) -> dict[str, tuple[Check, Reason]]:
        """Code -> the check that says it, and what it means."""
        return {r.code: (check, r) for check in self.parts.checks for r in check.reasons}

    def withheld(self, shown: Shown) -> bool:
        """Return whether a picture may name a person, so that nobody is shown it."""
        reasons = self.reasons
        found = (reasons[code][0].name for code in shown.codes if code in reasons)
        return any(name in _NAMING for name in found)

    def not_looked_for(self, code: str) -> bool:
        """Return whether nothing can be said by a code: its check was off, or lacked something."""
        known = self.reasons.get(code)
        missing = {*self.policy.off, *self.parts.not_run}
        return code in missing or (known is not None and known[0].name in missing)

    def called_by(self, statement: SetStatement) -> PolicyRule | None:
        """Return the rule that a statement is above the limit of; None where there is none."""
        rule = self.policy.rules.get(statement.code)
        above = rule is not None and statement.value > rule.limit
        return rule if above and rule is not None and rule.action is not Action.KEEP else None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OutputFile:
    """One file that was written."""

    name: str
    """Beside the other files of the output."""
    media_type: str
    description: str
    size: int
    sha256: str
