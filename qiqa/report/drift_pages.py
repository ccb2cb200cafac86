"""The pages of all scanners in one folder."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from qiqa.core.drift import FleetState, ScannerState
from qiqa.report.drift_page import render_scanner
from qiqa.report.files import made_folder, write_whole
from qiqa.report.fleet_page import write_fleet

__all__ = ["page_name", "write_pages"]

_INDEX = "index.html"


def page_name(scanner: str) -> str:
    """Return the file name of a scanner's page; nothing of its name, which a header may hold.

    >>> page_name("SIM 01")
    'scanner_3bf7543e.html'
    """
    digest = hashlib.sha256(scanner.encode("utf-8", "surrogatepass")).hexdigest()
    return f"scanner_{digest[:8]}.html"


def write_pages(
    fleet: FleetState,
    scanners: Sequence[ScannerState],
    folder: Path,
    tell: Callable[[str], None],
) -> Path:
    """Write the page of each scanner that has series, the fleet's page, and return which to open.

    Parameters
    ----------
    fleet, scanners
        What watching found.
    folder
        Is made if it is not there; pages of the same names in it are replaced.
    tell
        Told the name of each scanner as its page is made.

    Returns
    -------
    Path
        The scanner's page where there is only one scanner, else `index.html`.

    Raises
    ------
    OutputError
        If a page cannot be written.
    """
    made_folder(folder)
    alone = len(fleet.scanners) == 1
    pages: dict[str, str] = {}
    for state in scanners:
        if not state.series:
            continue
        tell(state.scanner)
        name = page_name(state.scanner)
        page = render_scanner(
            state, source=fleet.source, now=fleet.now, fleet_page="" if alone else _INDEX
        )
        write_whole(folder / name, page.encode("utf-8"))
        pages[state.scanner] = name
    linked = [dataclasses.replace(s, page=pages.get(s.scanner, "")) for s in fleet.scanners]
    index = write_fleet(dataclasses.replace(fleet, scanners=tuple(linked)), folder / _INDEX)
    if alone and pages:
        return folder / next(iter(pages.values()))
    return index
