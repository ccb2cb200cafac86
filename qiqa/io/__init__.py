"""Files to nouns and back. The only room that imports pydicom or nibabel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qiqa.io.loading import load
    from qiqa.io.reading import read

__all__ = ["load", "read"]

_HOMES = {"load": "qiqa.io.loading", "read": "qiqa.io.reading"}


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
