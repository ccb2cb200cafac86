"""Samples of what the large charts show, each with its words."""

from __future__ import annotations

from qiqa.report.svg import line, path, wrap

__all__ = ["legend"]


def legend() -> list[tuple[str, str]]:
    """Return sample and words of everything that a chart may show."""
    return [
        (_sample('<circle class="d-dot" cx="17" cy="9" r="3"/>'), "exam"),
        (_sample(path(((17, 3.5), (22.5, 9), (17, 14.5), (11.5, 9)), "d-beyond", closed=True)),
         "exam outside the control limits"),
        (_sample('<circle class="d-hollow" cx="17" cy="9" r="4"/>'), "left out, with reason"),
        (_sample('<path class="d-raw" d="M14 9h6m-3 -3v6"/>'), "as measured, before adjusting"),
        (_sample(path(((1, 3), (33, 3), (33, 15), (1, 15)), "d-band", closed=True)
                 + line((1, 3), (33, 3), "d-bound") + line((1, 15), (33, 15), "d-bound")
                 + line((1, 9), (33, 9), "d-mid")),
         "control limits and expected value, from this scanner's own exams"),
        (_sample(line((1, 9), (33, 9), "d-level")), "level"),
        (_sample(line((1, 6), (33, 6), "d-spec-action")
                 + '<path class="d-teeth-action" d="M8 6l-5 6M19 6l-5 6M30 6l-5 6"/>'),
         "limit of the specification (action level)"),
        (_sample(line((1, 6), (33, 6), "d-spec-tolerance")
                 + '<path class="d-teeth-tolerance" d="M17 6l-5 6"/>'),
         "target of the specification (tolerance level)"),
        (_sample('<rect class="d-when" x="6" y="1" width="22" height="16"/>'
                 + line((15, 1), (15, 17), "d-change")),
         "change, with 95 % interval of its date"),
        (_sample(line((17, 0), (17, 18), "d-event")), "service event"),
        (_sample(line((17, 0), (17, 18), "d-epoch")), "settings changed"),
        (_sample(path(((1, 15), (20, 3), (33, 3)), "d-fan", closed=True)
                 + line((1, 15), (26, 3), "d-ahead")),
         "forecast with 95 % interval"),
        (_sample(line((1, 6), (33, 6), "d-decision")), "limit of a rule"),
    ]  # fmt: skip


def _sample(body: str) -> str:
    return wrap((0, 0, 34, 18), "d-sample", "", body)
