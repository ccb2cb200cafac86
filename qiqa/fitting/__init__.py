"""Signal models fitted to series: parameter maps with standard error and status."""

from __future__ import annotations

from qiqa.fitting.fit import fit, fit_arrays

__all__ = ["fit", "fit_arrays"]
