"""What a reading found: series, and everything that was noticed or left aside."""

from __future__ import annotations

import dataclasses

from qiqa.core.finding import Finding
from qiqa.core.series import SeriesHeader

__all__ = ["Contents"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """Headers of all series behind some paths, in a fixed order, and what was not read."""

    headers: tuple[SeriesHeader, ...]
    findings: tuple[Finding, ...] = ()
    n_files: int = 0
    """Files and archive members seen."""
    n_images: int = 0
    """Image planes in `headers`."""
    n_ignored: int = 0
    """Files that are no images: other formats, DICOMDIR, raw data, presentation states, ..."""
    n_unreadable: int = 0
    """Files that should be images and cannot be read; each has a finding."""
    ignored: tuple[str, ...] = ()
    """Kinds of ignored files with count and an example: `3 not DICOM (README.txt, ...)`."""
