"""Values of `qiqa drift` from the history or a table."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING

from qiqa.cli.columns import named_columns
from qiqa.cli.console import progress, say, tell_findings
from qiqa.cli.deliver import current_user
from qiqa.cli.drift import Options, moment_of, policy_of
from qiqa.core.drift import TimeSeries
from qiqa.core.errors import UsageError

if TYPE_CHECKING:
    from qiqa.store import Store
    from qiqa.workflows.watching import Records, Watched

__all__ = ["chosen", "existing", "from_store", "from_table", "records_of"]

MOST_PAGES = 12
"""Scanners up to which each gets its page; of more, only the one that is asked for."""


def from_table(options: Options) -> Watched:
    """Look at the values of a table; it has no events, baselines or alarms."""
    from qiqa.io.history_table import read_history_table
    from qiqa.workflows.dating import last_before
    from qiqa.workflows.sharing import processes_for
    from qiqa.workflows.watching import Records, watch

    if options.store is not None:
        raise UsageError("not with --table", where="--store")
    assert options.table is not None  # noqa: S101 - the caller looked
    read = read_history_table(options.table, named_columns(options.column))
    tell_findings(read.findings, to_error=True)
    chosen(read.series, options.scanner, options.name)  # a wrong name is refused
    series = chosen(read.series, options.scanner, None)
    _check_adjust(series, options)
    scanners = len({s.scanner for s in series})
    with progress() as tell:
        return watch(
            series,
            Records(),
            now=moment_of(options, last_before(read.series, dt.datetime.now())),
            policy=policy_of(options, scanners),
            detail=scanners <= MOST_PAGES,
            source=str(options.table),
            name=options.name,
            tell=tell,
            processes=processes_for(sum(len(s) for s in series)),
        )


def chosen(series: Sequence[TimeSeries], scanner: str | None, name: str | None) -> list[TimeSeries]:
    """Return the series that were asked for.

    Raises
    ------
    UsageError
        If there is none of a scanner or name; says which there are.
    """
    found = list(series)
    for field, wanted in (("scanner", scanner), ("name", name)):
        if wanted is None:
            continue
        there = sorted({getattr(s, field) for s in found})
        found = [s for s in found if getattr(s, field) == wanted]
        if not found:
            shown = ", ".join(there[:12]) + (", ..." if len(there) > 12 else "")
            raise UsageError(
                f"there is no {field} {wanted!r}; there is {shown}", where=f"--{field}"
            )
    return found


def of_scanner(store: Store, scanner: str | None) -> list[TimeSeries]:
    """Return the series of one scanner, or of all.

    Raises
    ------
    UsageError
        If there is no such scanner; says which there are.
    """
    found = store.columns(scanner=scanner)
    return list(found) if found or scanner is None else chosen(store.columns(), scanner, None)


def _check_adjust(series: Sequence[TimeSeries], options: Options) -> None:
    """Refuse to adjust for what no exam states: it would be left undone without a word."""
    there = sorted({name for one in series for name in one.covariates})
    for name in () if options.no_adjust else options.adjust:
        if name not in there:
            shown = ", ".join(there) or "none"
            raise UsageError(f"no exam states {name!r}; stated are: {shown}", where="--adjust")


def existing(url: str | None, *, writing: bool) -> Store:
    """Open a history that is there; a wrong path must not make an empty one.

    Raises
    ------
    StoreError
        If there is none, or it cannot be opened.
    """
    from qiqa.store import location, open_store

    path = location.sqlite_path(location.resolve(url))
    missing = path is not None and not path.exists()
    return open_store(url, create=writing and not missing)


def _is_a_trial(options: Options) -> bool:
    """Say whether this is not how scanners are watched: no alarms are raised on a trial."""
    changed = (options.name, options.as_of, options.rules, options.false_alarms, options.every_days)
    return any(o is not None for o in changed) or bool(options.adjust) or options.no_adjust


def records_of(store: Store, scanner: str | None = None) -> Records:
    """Return what is on record about scanners."""
    from qiqa.workflows.watching import Records

    labels = {str(e["scanner"]): str(e["scanner_label"]) for e in store.exams(scanner=scanner)}
    return Records(
        events=store.events(scanner),
        baselines=store.baselines(scanner),
        alarms=store.alarms(scanner),
        labels=labels,
    )


def from_store(options: Options) -> Watched:
    """Look at the history, raise alarms that are new, and show all with their state."""
    from qiqa.workflows.alarming import new_alarms
    from qiqa.workflows.explaining import explained
    from qiqa.workflows.sharing import processes_for
    from qiqa.workflows.watching import marked, watch

    if options.column:
        raise UsageError("needs --table", where="--column")
    with existing(options.store, writing=not options.read_only) as store:
        tell_findings(store.findings, to_error=True)
        series = of_scanner(store, options.scanner)
        chosen(series, None, options.name)  # a wrong name is refused
        if not series:
            raise UsageError(
                "the history holds no values that can be charted",
                where=store.url,
                hint="exams need a scanner with a serial number (or --scanner) and a date",
            )
        _check_adjust(series, options)
        records = records_of(store, options.scanner)
        scanners = len({s.scanner for s in series})
        now = moment_of(options, dt.datetime.now())
        policy = policy_of(options, scanners)
        with progress() as tell:
            made = watch(
                series,
                records,
                now=now,
                policy=policy,
                detail=scanners <= MOST_PAGES,
                source=store.url,
                name=options.name,
                tell=tell,
                processes=processes_for(sum(len(s) for s in series)),
            )
        made = explained(made, series, store.payload)
        if options.read_only or _is_a_trial(options):
            return made
        raised = [f for state in made.scanners for f in new_alarms(state, records.alarms)]
        user, at = current_user(), dt.datetime.now(dt.UTC)
        for finding in raised:
            store.raise_alarm(finding, user=user, now=at)
        if raised:
            count = "1 new alarm" if len(raised) == 1 else f"{len(raised)} new alarms"
            say(f"{count} on record", to_error=True)
        alarms = store.alarms(options.scanner)
    return marked(made, alarms)
