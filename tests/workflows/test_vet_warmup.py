"""After `qiqa warmup` a first vetting compiles nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WARM = (
    "from qiqa.workflows.vet_warmup import warm_vetting as w\nif __name__ == '__main__': w(print)"
)


def test_a_first_vetting_compiles_nothing(tmp_path):
    cache = tmp_path / "cache"
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache), "PYTHONPATH": str(ROOT)}

    def run(*words):
        return subprocess.run(
            [sys.executable, *words],
            env=environment,
            capture_output=True,
            check=False,
            cwd=tmp_path,
        )

    def kept():
        return {path.name for path in cache.rglob("*.nbc")}

    script = tmp_path / "warm.py"
    script.write_text(WARM, encoding="utf-8")
    assert run(str(script)).returncode == 0
    before = kept()
    assert len(before) > 20
    words = ("--sites", "3", "--people", "7", "--seed", "11", "--fault", "copy_flipped=0.1")
    assert run("-m", "qiqa", "simulate", "training-set", "-o", "set", *words).returncode == 0
    assert run("-m", "qiqa", "vet", "set/dicom", "-o", "out").returncode in (0, 3, 4)
    assert (tmp_path / "out" / "card.html").exists()
    assert kept() == before
