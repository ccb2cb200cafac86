"""`qiqa drift alarms`, `acknowledge` and `close`: what was raised and what was done about it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from qiqa.cli import status
from qiqa.cli.console import say, write_json
from qiqa.cli.deliver import current_user
from qiqa.cli.drift import Options
from qiqa.cli.layout import Row, Section, table
from qiqa.core.canonical import plain
from qiqa.core.drift import AlarmState
from qiqa.core.errors import UsageError
from qiqa.report.drift_text import sentence

__all__ = ["alarms", "decide"]


def alarms(options: Options) -> int:
    """List the alarms that are open or acknowledged, or all."""
    from qiqa.store import open_store

    with open_store(options.store, create=False) as store:
        found = store.alarms(options.scanner)
        url = store.url
    shown = [a for a in found if options.all or a.state is not AlarmState.CLOSED]
    if options.json is not None:
        write_json({"schema": "qiqa.alarms/1", "alarms": plain(shown)}, options.json)
    if options.json != "-":
        rows = tuple(
            Row(
                cells=(
                    str(a.record_id),
                    f"{a.raised_at:%Y-%m-%d}",
                    a.state.value,
                    a.finding.scanner,
                    sentence(a.finding),
                    "; ".join(
                        " ".join(p for p in (f"{d.by}:", d.comment, d.corrective_action) if p)
                        for d in a.decisions
                    ),
                )
            )
            for a in shown
        )
        columns = ("alarm", "raised", "state", "scanner", "what", "said")
        table(columns, [Section(rows=rows)], right=(0,))
        say(f"{len(shown)} of {len(found)} alarms in {url}")
    return status.PASS


def decide(options: Options, words: Sequence[str]) -> int:
    """Put on record what a person says about an alarm."""
    from qiqa.store import open_store

    state = AlarmState.CLOSED if words[0] == "close" else AlarmState.ACKNOWLEDGED
    numbers = words[1:]
    if not numbers or not all(n.isdecimal() for n in numbers):
        raise UsageError(
            f"{' '.join(words)!r} names no alarm by its number",
            where="WHAT",
            hint="qiqa drift alarms lists them",
        )
    if not (options.comment or "").strip():
        raise UsageError("is needed", where="--comment", hint="say what it was")
    with open_store(options.store) as store:
        for number in numbers:
            store.decide_alarm(
                int(number),
                state,
                comment=options.comment or "",
                corrective_action=options.action or "",
                user=current_user(),
                now=dt.datetime.now(dt.UTC),
            )
            say(f"alarm {number}: {state.value}")
    return status.PASS
