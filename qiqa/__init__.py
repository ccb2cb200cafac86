"""qiqa: quantitative-imaging quality assurance.

>>> import qiqa
>>> contents = qiqa.read("monday/")            # headers, no pixels  # doctest: +SKIP
>>> series = qiqa.load(contents.headers[0])    # pixels              # doctest: +SKIP
>>> from qiqa.locate import locate
>>> pose = locate(series, qiqa.load_phantom("acr_large"))            # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qiqa.fitting import fit, fit_arrays
    from qiqa.io import load, read
    from qiqa.io.definitions import load_phantom, load_protocol
    from qiqa.workflows.weekly_qc import QcRequest, run_qc

__all__ = [
    "QcRequest",
    "__version__",
    "fit",
    "fit_arrays",
    "load",
    "load_phantom",
    "load_protocol",
    "read",
    "run_qc",
]

__version__ = "0.1.0"

_HOMES = {
    "QcRequest": "qiqa.workflows.weekly_qc",
    "fit": "qiqa.fitting",
    "fit_arrays": "qiqa.fitting",
    "load": "qiqa.io",
    "load_phantom": "qiqa.io.definitions",
    "load_protocol": "qiqa.io.definitions",
    "read": "qiqa.io",
    "run_qc": "qiqa.workflows.weekly_qc",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for: `import qiqa` stays light."""
    if name not in _HOMES:
        raise AttributeError(f"module 'qiqa' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
