"""The headers of a whole data set, chunk by chunk, and the pixels of one series after another.

    for chunk in list_files(root):                    # qiqa.io.scan.listing
        result = scan_chunk(root, chunk, key)         # qiqa.io.scan.scanning, in any process
    facts = merge(parts)                              # qiqa.io.scan.gathering, by series UID
    stack, observations = load_stack(facts, root)     # qiqa.io.scan.stack

No identity of a person leaves the scan: see `qiqa.io.scan.attributes` for what does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qiqa.core.vetting import Check

__all__ = ["SEES", "checks"]

SEES = 4
"""Raised when a scan sees something else in the same files: what was read before is read anew."""


def checks() -> tuple[Check, ...]:
    """Return the checks that are done while scanning, in the order of their names."""
    from qiqa.io.scan import identity, readable, stack

    return tuple(sorted((m.CHECK for m in (identity, readable, stack)), key=lambda c: c.name))
