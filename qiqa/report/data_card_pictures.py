"""Bars of decisions and montages of series for a data card."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence

import numpy as np

from qiqa.core.vet_result import NOT_STATED, THUMBNAIL_SIDE, Shown, VetResult
from qiqa.core.vet_words import number_words
from qiqa.core.vetting import Action
from qiqa.report.png import encode_grey
from qiqa.report.svg import number, text, wrap

__all__ = ["KINDS", "actions_bar", "montage"]

KINDS = {
    Action.KEEP: "pass",
    Action.CORRECT: "tolerance",
    Action.QUARANTINE: "not_evaluated",
    Action.REJECT: "action",
}
"""Outline and color of each action: those of the verdicts of an exam."""
_LEAST = 0.6
"""Per cent of a bar's width that one series is drawn with at least, so that it can be seen."""


def actions_bar(actions: Mapping[Action, int], *, wide: bool = False) -> str:
    """Return the shares of the four actions as one bar; `wide` has the numbers in it."""
    width, height = (1000.0, 44.0) if wide else (240.0, 14.0)
    total = sum(actions.values())
    shares = {a: actions[a] / total for a in Action if total and actions[a]}
    drawn = {a: max(share, _LEAST / 100) for a, share in shares.items()}
    whole = sum(drawn.values()) or 1.0
    x, parts = 0.0, []
    for action, share in drawn.items():
        size = width * share / whole
        parts.append(
            f'<rect class="b-{action.value}" x="{number(x)}" y="0" width="{number(size)}" '
            f'height="{number(height)}"/>'
        )
        words = f"{actions[action]:,} {action.value}"
        if wide and size > 11 * len(words):
            parts.append(text((x + size / 2, 29), words, f"b-text t-{action.value}", "middle", 19))
        x += size
    label = ", ".join(f"{actions[a]:,} {a.value}" for a in Action)
    return wrap((0, 0, width, height), "b-wide" if wide else "b-bar", label, "".join(parts))


def montage(shown: Sequence[Shown], result: VetResult, unit: str) -> list[dict[str, str]]:
    """Return picture, value, site and action of each series; "" where there is no picture.

    A picture in which a check sees text is not shown, small as it is: it may name a person.
    """
    pictures = result.parts.thumbnails
    return [
        {
            "picture": "" if result.withheld(one) else _picture(pictures.get(one.key, b"")),
            "why": "withheld: may name a person" if result.withheld(one) else "no picture",
            "value": number_words(one.value, unit) if unit or one.value != 1.0 else "",
            "site": one.site or NOT_STATED,
            "kind": KINDS[one.action],
            "action": one.action.value,
            "series": f"…{one.series_uid[-10:]}" if len(one.series_uid) > 10 else one.series_uid,
        }
        for one in shown
    ]


def _picture(pixels: bytes) -> str:
    """Return a thumbnail as a `data:` address; "" for anything that is not one."""
    if len(pixels) != THUMBNAIL_SIDE * THUMBNAIL_SIDE:
        return ""
    gray = np.frombuffer(pixels, dtype=np.uint8).reshape(THUMBNAIL_SIDE, THUMBNAIL_SIDE)
    return "data:image/png;base64," + base64.b64encode(encode_grey(gray)).decode("ascii")
