"""A model that takes its functions from another file follows that file too."""

from __future__ import annotations

import importlib
import sys

from qiqa.fitting.loading import handle

PHYSICS = """
def basis(e, t, a, b, q):
    return {factor} * e, -{factor} * a * t * e


def value(t, k):
    return k[0] / t, -k[0] / t
"""
MODEL = "from {base} import basis, value\n"


def digest(folder, number, factor):
    """Write physics and a model that imports it; return the digest kernels are kept under."""
    base, name = f"shared_physics_{number}", f"borrowing_model_{number}"
    (folder / f"{base}.py").write_text(PHYSICS.format(factor=factor), encoding="utf-8")
    (folder / f"{name}.py").write_text(MODEL.format(base=base), encoding="utf-8")
    importlib.invalidate_caches()
    for module in (base, name):
        sys.modules.pop(module, None)
    return handle(importlib.import_module(name), False).digest


def test_an_edit_of_shared_physics_is_seen(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = digest(tmp_path, 1, "1.0")
    assert digest(tmp_path, 1, "1.0") == before
    assert digest(tmp_path, 1, "2.125") != before
