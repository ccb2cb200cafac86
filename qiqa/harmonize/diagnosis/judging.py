"""From what was measured to an answer in words, by the rules of docs/decisions/did-it-work.md."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

from qiqa.core.diagnosis import InjectedEffect, Placebo, Predictability, SiteAnswer
from qiqa.metrology.learners import MODELS

__all__ = ["NEGLIGIBLE_AUC", "Judgement", "judge", "over_correction", "seen"]

NEGLIGIBLE_AUC = 0.60
"""Upper limits below it are called "no longer seen": a convention of ours."""
_ALPHA = 0.05
_FEWEST_SUBJECTS = 10
_KEPT = 0.90
_INFLATED = 1.10
_PLACEBO = 2.0
"""Times what halves of this size are wrong by."""
_LEFT = {
    "linear": "levels differ: is a covariate missing that differs between batches?",
    "quadratic": "correlations differ between batches: a harmonization of the covariance "
    "(CovBat) may remove that, one of means and scatter cannot",
    "trees": "shapes differ (skewness, tails, rounding, limits): look at histograms of what "
    "leaks most, and leave it out or transform it",
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Answer, and the words for it."""

    answer: SiteAnswer
    headline: str
    reasons: tuple[str, ...]
    help: tuple[str, ...]


def seen(one: Predictability, models: int) -> tuple[str, ...]:
    """Return in words how a model sees the batch; empty where it does not.

    Parameters
    ----------
    models
        Number of models tried, for which the chance of a false alarm is corrected.
    """
    if not (one.auc > 0.5 and one.p <= _ALPHA / models):
        return ()
    best = sorted(one.batches, key=lambda b: -b.auc)[:3]
    told = ", ".join(f"{b.batch} ({b.auc:.2f})" for b in best)
    return (f"{one.model}: AUC {_range(one)}, p {_p(one)}; best told: {told}",)


def judge(
    after: Sequence[Predictability],
    batches: Sequence[tuple[str, int]],
    batch_name: str,
    over_corrected: Sequence[str],
) -> Judgement:
    """Return the answer for the models tried on held-out subjects."""
    known = [one for one in after if math.isfinite(one.auc)]
    loud = {one.model: seen(one, len(after)) for one in known}
    loud = {model: words for model, words in loud.items() if words}
    if loud:
        return _still(known, loud, batch_name)
    missing = _missing(after, known, batches)
    if not missing:
        head = f"No model sees the {batch_name} any longer"
        if over_corrected:
            head += ", but the correction took more than the " + batch_name
        ends = ", ".join(f"{one.model} {_range(one)}" for one in known)
        return Judgement(
            answer=SiteAnswer.NO_LONGER_SEEN,
            headline=head,
            reasons=(
                f"AUC on held-out subjects: {ends}; all upper limits below {NEGLIGIBLE_AUC:.2f}",
            ),
            help=(),
        )
    return Judgement(
        answer=SiteAnswer.CANNOT_TELL,
        headline=f"Cannot tell whether the {batch_name} is still seen",
        reasons=tuple(reason for reason, _ in missing),
        help=tuple(dict.fromkeys(words for _, words in missing)),
    )


def _still(
    known: Sequence[Predictability], loud: dict[str, tuple[str, ...]], batch_name: str
) -> Judgement:
    head = f"The {batch_name} is still seen"
    if "linear" not in loud:
        head += f" by {'a nonlinear model' if len(loud) == 1 else 'nonlinear models'}"
    reasons = [words for each in loud.values() for words in each]
    quiet = [one for one in known if one.model == "linear" and "linear" not in loud]
    reasons += [
        f"linear: AUC {_range(one)}: a linear test alone would have passed this" for one in quiet
    ]
    advice = []
    for one in known:
        if one.model in loud:
            advice.append(f"{one.model}: {_LEFT[one.model]}")
            top = [leak.feature for leak in one.leaks[:3] if leak.auc_lost > 0.0]
            if top:
                advice.append(f"{one.model}: most is told by {', '.join(top)}")
    return Judgement(
        answer=SiteAnswer.STILL_SEEN, headline=head, reasons=tuple(reasons), help=tuple(advice)
    )


def _missing(
    after: Sequence[Predictability],
    known: Sequence[Predictability],
    batches: Sequence[tuple[str, int]],
) -> list[tuple[str, str]]:
    """Return what stands against "no longer seen", each with what would help."""
    found = []
    lacking = [model for model in MODELS if model not in {one.model for one in known}]
    if lacking:
        reasons = {one.reason for one in after if one.reason}
        found.append(
            (
                f"not tried: {', '.join(lacking)}" + "".join(f" ({words})" for words in reasons),
                "more subjects in each batch" if reasons else "try all three models",
            )
        )
    if not all(one.refitted for one in known):
        found.append(
            (
                "fitted on the subjects it is judged by, which hides what is left from every model",
                "give the function that fits and applies it: it is then fitted in each fold anew",
            )
        )
    small = [f"{name} ({size})" for name, size in batches if size < _FEWEST_SUBJECTS]
    if small:
        found.append(
            (
                f"fewer than {_FEWEST_SUBJECTS} subjects: {', '.join(small)}",
                "more subjects there, or leave these batches out of the study",
            )
        )
    for one in known:
        if math.isnan(one.p):
            found.append(
                (
                    f"{one.model}: no p: the harmonization refuses tables with permuted batches",
                    "find what it refuses there, and leave that feature or batch out",
                )
            )
        if not one.interval[1] < NEGLIGIBLE_AUC:
            need = one.subjects * (1.96 * one.standard_error / (NEGLIGIBLE_AUC - 0.5)) ** 2
            wanted = _rounded_up(max(need, one.subjects * 1.2))
            told = f"{one.model}: AUC {_range(one)}, so {NEGLIGIBLE_AUC:.2f} is not ruled out"
            found.append(
                (
                    told,
                    f"about {wanted} subjects in all (now {one.subjects})",
                )
            )
    return found


def over_correction(
    after: Sequence[Predictability],
    injected: InjectedEffect | None,
    control: Placebo | None,
    interest: str,
    kept: tuple[float, tuple[float, float]],
) -> tuple[str, ...]:
    """Return each sign that more than the batch was taken away; empty: none seen."""
    found = []
    if injected is not None and injected.share_of_scatter_interval[1] < _KEPT:
        low, high = injected.share_of_scatter_interval
        found.append(
            f"of an effect of {injected.size_sd:g} SD that was added on purpose "
            f"{100 * injected.share_of_scatter:.0f} % came through "
            f"({100 * low:.0f} to {100 * high:.0f} %)"
        )
    share, ends = kept
    if interest and ends[1] < _KEPT:
        found.append(
            f"the effect of {interest} shrank to {100 * share:.0f} % "
            f"({100 * ends[0]:.0f} to {100 * ends[1]:.0f} %)"
        )
    if interest and ends[0] > _INFLATED:
        found.append(
            f"the effect of {interest} grew to {100 * share:.0f} % ({100 * ends[0]:.0f} to "
            f"{100 * ends[1]:.0f} %): inflated, as by handing it to the harmonization"
        )
    found += [
        f"{one.model}: AUC {_range(one)}, below chance although fitted on training folds only: "
        "the correction follows the subjects it is fitted on"
        for one in after
        if one.refitted and one.below_chance
    ]
    if control is not None and control.correction_sd > _PLACEBO * control.by_chance_sd:
        found.append(
            f"random halves of {control.batch}, where there is nothing to correct, were moved by "
            f"{control.correction_sd:.2f} SD; chance explains {control.by_chance_sd:.2f} SD"
        )
    return tuple(found)


def _range(one: Predictability) -> str:
    low, high = one.interval
    return f"{one.auc:.3f} ({low:.3f} to {high:.3f})"


def _p(one: Predictability) -> str:
    least = 1.0 / (one.permutations + 1)
    return f"at most {least:.2g}" if one.p <= least * 1.0001 else f"{one.p:.2g}"


def _rounded_up(count: float) -> int:
    size = 10 ** max(math.floor(math.log10(count)) - 1, 0)
    return int(math.ceil(count / size) * size)
