"""Whether a harmonization worked: what still tells the scanner, and what it cost."""

from __future__ import annotations

import dataclasses
import enum
from typing import Any

from qiqa.core.canonical import plain, storable

__all__ = [
    "DIAGNOSIS_SCHEMA",
    "BatchAuc",
    "FeatureTests",
    "HarmonizationDiagnosis",
    "InjectedEffect",
    "KeptEffect",
    "Leak",
    "Placebo",
    "Predictability",
    "SiteAnswer",
    "diagnosis_payload",
]

DIAGNOSIS_SCHEMA = "qiqa.harmonization_diagnosis/1"

Interval = tuple[float, float]


class SiteAnswer(enum.StrEnum):
    """Whether the scanner can still be told from the features. Three answers, never two."""

    NO_LONGER_SEEN = "no_longer_seen"
    STILL_SEEN = "still_seen"
    CANNOT_TELL = "cannot_tell"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BatchAuc:
    """How well one batch is told from all others."""

    batch: str
    subjects: int
    auc: float
    standard_error: float


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """What one feature tells of the label, by one model, on held-out rows."""

    feature: str
    auc_lost: float
    """When it is shuffled among held-out rows: little, where another feature says the same."""
    auc_alone: float = float("nan")
    """Of the same model with nothing but this feature; NaN: not looked at."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Predictability:
    """How well a label is told from features by one model, on held-out subjects."""

    model: str
    auc: float
    """Macro one-versus-rest; 0.5 is chance. NaN where it could not be found."""
    standard_error: float
    interval: Interval
    """95 % coverage, for the models as trained."""
    p: float
    """Of labels without meaning doing as well; NaN where it was not asked for."""
    permutations: int
    """Tables with permuted labels that `p` rests on."""
    folds: int
    rows: int
    subjects: int
    refitted: bool
    """Harmonization was fitted on the training folds only."""
    batches: tuple[BatchAuc, ...] = ()
    leaks: tuple[Leak, ...] = ()
    """Most first; empty where it was not asked for."""
    left_out: tuple[str, ...] = ()
    """Batches with too few subjects."""
    reason: str = ""
    """Why there is no AUC."""
    rows_given: int | None = None
    """Rows of batches with enough subjects; more than `rows` where a part of them was drawn."""
    rows_again: int | None = None
    """Rows that `p` and `leaks` rest on, a drawn part of `rows` where fewer; 0: not asked for."""

    @property
    def below_chance(self) -> bool:
        """Whether held-out rows are told worse than by a coin."""
        return self.interval[1] < 0.5


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FeatureTests:
    """Tests of one feature for differences between batches; NaN where it has too few values."""

    feature: str
    n: int
    """Values: one a subject and batch."""
    kruskal_p: float
    epsilon_squared: float
    """Share of the variance of ranks that lies between batches (Kelley 1935): about 0 for none."""
    additive_p: float
    """F test of batch after covariates."""
    multiplicative_p: float
    """Levene's test with medians, of what covariates leave."""
    variance_ratio: float
    """Largest over smallest variance of a batch with five values or more."""
    kruskal_q: float = float("nan")
    """Benjamini-Hochberg over the features."""
    additive_q: float = float("nan")
    multiplicative_q: float = float("nan")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class KeptEffect:
    """Slope of one feature on the effect of interest, before and after."""

    feature: str
    unit: str
    """Slope per this: one SD of a number, one level against the first of a text."""
    before: float
    """In SD of the feature within batches before."""
    before_interval: Interval
    after: float
    """In SD of the feature within batches after."""
    after_interval: Interval
    before_q: float


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class InjectedEffect:
    """How much of an effect that was added on purpose comes through."""

    size_sd: float
    """Added to each feature of half of the subjects of each batch, in SD within batches."""
    draws: int
    share: float
    """Of what was added, in units of the feature; 1 is all of it."""
    share_interval: Interval
    share_of_scatter: float
    """The same over the scatter within batches after and before: what a test would see."""
    share_of_scatter_interval: Interval
    batch_range: Interval
    """Lowest and highest share (units of the feature) of a batch."""
    features: tuple[tuple[str, float], ...] = ()
    """Feature and its share over the scatter, lowest first."""
    reason: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Placebo:
    """Correction of random halves of one batch, where there is nothing to correct."""

    batch: str
    subjects: int
    draws: int
    correction_sd: float
    """RMS change over SD, median over features and draws, less one change for all rows."""
    by_chance_sd: float
    """What means and SDs of halves of this size are wrong by."""
    real_correction_sd: float
    """RMS change over SD within batches, of the true batches."""
    reason: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class HarmonizationDiagnosis:
    """One harmonization, judged."""

    answer: SiteAnswer
    headline: str
    reasons: tuple[str, ...]
    """Why the answer is what it is."""
    help: tuple[str, ...]
    """What would help."""
    over_corrected: tuple[str, ...]
    """Each sign of over-correction in words; empty: none seen."""
    warnings: tuple[str, ...]
    batch_name: str
    batches: tuple[tuple[str, int], ...]
    """Batch and its subjects."""
    rows: int
    subjects: int
    features: int
    before: tuple[Predictability, ...]
    after: tuple[Predictability, ...]
    """Fitted on training folds where that could be done, see `refitted`."""
    after_all_rows: tuple[Predictability, ...]
    """Of the table as given, fitted on all rows: biased towards and below chance."""
    tests_before: tuple[FeatureTests, ...]
    tests_after: tuple[FeatureTests, ...]
    rank_kept: tuple[tuple[str, float, float], ...]
    """Feature, median and lowest Spearman correlation within batches."""
    interest: str
    """Covariate whose effect must stay; empty: none named."""
    kept: tuple[KeptEffect, ...]
    kept_share: float
    """Of the effect of interest, over features that had one; NaN: none had, or none named."""
    kept_interval: Interval
    injected: InjectedEffect | None
    placebo: Placebo | None
    method: str = ""
    """Name of the harmonization, for a person."""


def diagnosis_payload(diagnosis: HarmonizationDiagnosis) -> dict[str, Any]:
    """Return `qiqa.harmonization_diagnosis/1`: the schema, then every field of the noun.

    NaN and infinities are null.
    """
    cleaned: dict[str, Any] = storable({"schema": DIAGNOSIS_SCHEMA, **plain(diagnosis)})
    return cleaned
