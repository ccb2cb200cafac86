"""Load a model by name; a file that is broken takes no other model down."""

from __future__ import annotations

import functools
from pathlib import Path
from types import ModuleType

from qiqa.core.errors import FitError, UsageError
from qiqa.kernels.dispatch import SignalModel
from qiqa.models import MODELS

__all__ = ["handle", "model"]

_NEEDED = ("TITLE", "EQUATION", "REFERENCES", "QUANTITY", "ENCODING", "PARAMETERS", "ENGINE")
_SEPARABLE = ("coordinate", "constants", "scale", "basis", "value")


def model(name: str) -> ModuleType:
    """Return the module of a model.

    Raises
    ------
    UsageError
        If there is no model of that name.
    FitError
        If its file cannot be imported or lacks something; the other models are not touched.
    """
    try:
        module = MODELS.load(name)
    except UsageError:
        raise
    except Exception as error:
        raise FitError(
            f"the model {name!r} cannot be loaded: {type(error).__name__}: {error}",
            hint="mend or remove its file; the other models work without it",
        ) from error
    separable = getattr(module, "ENGINE", "") in ("amplitude", "two_amplitudes")
    needed = (*_NEEDED, *(_SEPARABLE if separable else ()), "predict", "EXAMPLE")
    missing = [part for part in needed if not hasattr(module, part)]
    if missing:
        raise FitError(
            f"the model {name!r} lacks {', '.join(missing)}",
            where=getattr(module, "__file__", None),
            hint="qiqa.models says what a model file holds",
        )
    return module


@functools.cache
def handle(module: ModuleType, b1: bool) -> SignalModel:
    """Return what kernels take for a model; `b1` chooses its functions for a B1 map."""
    functions = {
        kind: getattr(module, kind)
        for kind in ("basis", "decay", "value", "finish")
        if hasattr(module, kind)
    }
    if b1:
        functions |= {
            kind: getattr(module, f"{kind}_b1")
            for kind in ("basis", "decay")
            if hasattr(module, f"{kind}_b1")
        }
    # physics may be shared: an edit of any file that a function comes from must be seen
    files = {str(module.__file__), *(f.__code__.co_filename for f in functions.values())}
    source = b"".join(Path(file).read_bytes() for file in sorted(files))
    name = module.__name__.rpartition(".")[2] + (" with B1" if b1 else "")
    return SignalModel.of(name, source, functions)
