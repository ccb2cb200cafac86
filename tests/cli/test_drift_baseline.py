"""What goes on record as a baseline."""

import datetime as dt

from qiqa.cli.drift_baseline import Options, _approved
from qiqa.drift.baseline import BaselineProposal


def test_all_exams_of_a_day_are_left_out():
    times = tuple(dt.datetime(2026, 3, day, hour) for day in (1, 2, 3) for hour in (8, 17))
    proposal = BaselineProposal(
        scanner="A", exams=times, missing=4, outliers=(), unsteady=(), series=1, why_from=""
    )
    made = _approved(proposal, Options(reason="new"), {dt.date(2026, 3, 2): "bubble"})
    assert made.left_out == ((times[2], "bubble"), (times[3], "bubble"))
