"""What was found of a set, in words: one wording for the card, the terminal and machine records."""

from __future__ import annotations

import datetime as dt
import math

from qiqa.core.vet_result import VetResult
from qiqa.core.vetting import Action, SetStatement

__all__ = [
    "counted_words",
    "headline",
    "lapsed_words",
    "number_words",
    "sentence",
    "set_answer",
    "standing_words",
    "statement_words",
    "time_words",
    "unchecked",
]


def number_words(value: float, unit: str = "", digits: int = 3) -> str:
    """Return a number with few digits and its unit; words where there is none.

    >>> number_words(0.93218), number_words(12.0, "%"), number_words(18471.3)
    ('0.932', '12 %', '18471')
    >>> number_words(float("nan"))
    'could not be found'
    """
    if math.isnan(value):
        return "could not be found"
    if math.isinf(value):
        return "beyond any limit" if value > 0 else "below any limit"
    shown = f"{value:.0f}" if 10**digits <= abs(value) < 1e15 else f"{value:.{digits}g}"
    # a unit that explains itself, such as `share, 0 to 1`, is for a table of codes
    return f"{shown} {'' if ',' in unit else unit}".rstrip()


def sentence(words: str) -> str:
    """Return words that begin with a capital letter and end with a full stop.

    >>> sentence("text may name a person"), sentence("Is it whole?")
    ('Text may name a person.', 'Is it whole?')
    """
    begun = words[:1].upper() + words[1:]
    return begun if not begun or begun.endswith((".", "?", "!")) else f"{begun}."


def time_words(at: dt.datetime) -> str:
    """Return a moment to the minute, with its zone where it is known.

    >>> time_words(dt.datetime(2026, 12, 1, 10, 5, 7, tzinfo=dt.UTC))
    '2026-12-01 10:05 UTC'
    """
    return f"{at:%Y-%m-%d %H:%M %Z}".rstrip()


def standing_words(result: VetResult) -> list[str]:
    """Return what became of each decision of a person, in the order of `VetResult.overrides`."""
    last = {one.series_uid: index for index, one in enumerate(result.overrides)}
    return [
        _standing(result, one.series_uid)
        if index == last[one.series_uid]
        else "replaced by a later one"
        for index, one in enumerate(result.overrides)
    ]


def _standing(result: VetResult, uid: str) -> str:
    if uid in result.counts.lapsed:
        return "lapsed: no longer fits the series"
    return "holds" if uid in result.counts.overridden else "the series is no longer there"


def lapsed_words(result: VetResult) -> str:
    """Return how many decisions of persons no longer fit; empty where all do.

    A policy without a rule for them decides as if there were none, and names no reason.
    """
    number = len(result.counts.lapsed)
    return (
        f"decisions of persons that no longer fit, and do not count: {number:,}" if number else ""
    )


def counted_words(number: int, one: str, many: str = "") -> str:
    """Return a count with its noun.

    >>> counted_words(1, "series", "series"), counted_words(2, "site")
    ('1 series', '2 sites')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def statement_words(result: VetResult, statement: SetStatement) -> str:
    """Return a statement as one sentence: what, of what, how much, how sure, why."""
    known = result.reasons.get(statement.code)
    title = known[1].title if known is not None else statement.code.replace("_", " ")
    unit = known[1].unit if known is not None else ""
    words = f"{title} ({statement.subject})" if statement.subject else title
    words += f": {number_words(statement.value, unit)}"
    low, high = statement.interval
    if math.isfinite(low) and math.isfinite(high):
        words += f" (95 % {number_words(low)} to {number_words(high)})"
    if math.isfinite(statement.p):
        words += f", p {statement.p:.2g}"
    return f"{words}; {statement.evidence}" if statement.evidence else words


def headline(result: VetResult) -> str:
    """Return how many series can be used; maps of labels are counted by themselves."""
    maps = sum(result.counts.labels.values())
    kept = result.counts.labels.get(Action.KEEP, 0)
    images = {a: n - result.counts.labels.get(a, 0) for a, n in result.counts.actions.items()}
    words = _usable(sum(images.values()), images[Action.KEEP], images[Action.CORRECT])
    if not maps:
        return words or "There is no series"
    said = f"{kept:,} of {counted_words(maps, 'map')} of labels"
    return f"{words or 'There is no series of images'}; {said}"


def _usable(series: int, keep: int, correct: int) -> str:
    """Return how many series of images can be used; nothing where there are none."""
    if series and keep == series:
        return f"All {series:,} series can be used as they are" if series > 1 else "It can be used"
    words = f"{keep + correct:,} of {series:,} series can be used" if series else ""
    return f"{words}, {correct:,} of them after a correction" if correct else words


def set_answer(result: VetResult) -> tuple[str, ...]:
    """Return what holds of the set as a whole, one sentence each."""
    statements = [one for given in result.parts.statements.values() for one in given]
    if not statements:
        return ("Nothing was said of the set as a whole: no check of all series was run.",)
    ruled = sum(one.code in result.policy.rules for one in statements)
    if not ruled:
        counted = counted_words(len(statements), "statement")
        return (f"The policy has no rule for the set as a whole: judge its {counted} yourself.",)
    above = [one for one in statements if result.called_by(one) is not None]
    open_ = [one for one in statements if math.isnan(one.value)]
    words = []
    if above:
        counted = counted_words(len(above), "statement")
        verb = "is" if len(above) == 1 else "are"
        words.append(f"{counted} of {len(statements)} on the set {verb} above the policy's limit.")
    elif len(open_) < len(statements):
        words.append("No statement on the set is above the policy's limit.")
    if ruled < len(statements):
        words.append(f"For {len(statements) - ruled} of them the policy has no rule.")
    if open_:
        counted = counted_words(len(open_), "question", "questions")
        words.append(f"{counted} on the set could not be answered.")
    return tuple(words)


def unchecked(result: VetResult) -> tuple[tuple[str, str], ...]:
    """Return what was not checked: checks and codes, one line for each cause, and the cause."""
    titles = {code: reason.title for code, (_, reason) in result.reasons.items()}
    titles |= {check.name: check.title for check in result.parts.checks}
    why = {**result.parts.not_run, **dict.fromkeys(result.policy.off, "turned off by the policy")}
    together: dict[str, list[str]] = {}
    for name in sorted(why):
        together.setdefault(why[name], []).append(titles.get(name, name))
    found = [(_begun("; ".join(names)), cause) for cause, names in together.items()]
    for code, counted in result.counts.reasons.items():
        if code in result.policy.rules:
            continue
        known = result.reasons.get(code)
        seen = counted_words(counted.seen, "series", "series")
        title = _begun(known[1].title if known is not None else code.replace("_", " "))
        found.append((title, f"seen in {seen}; the policy has no rule for it, nothing was done"))
    return tuple(found)


def _begun(words: str) -> str:
    return sentence(words).removesuffix(".")
