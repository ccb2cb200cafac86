"""ComBat beside other programs: seconds, peak memory, and how far results are apart.

    python benchmarks/combat.py --peers FOLDER [--reduced] [--only NAME ...]

FOLDER gets an environment of its own with the other programs (about 1 GB; kept for the next time).
Every program runs in a process of its own on one thread; the best of up to five runs counts. On a
machine that others use too, the processor's own seconds tell more than those of the clock.
Reduced: small tables; the numbers mean nothing then.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

from _combat_peers_run import PROGRAMS
from _peers import one_thread

RUNNER = Path(__file__).with_name("_combat_peers_run.py")
PACKAGES = (["combatlearn", "inmoose", "pycombat", "statsmodels", "nibabel"], ["neuroCombat"])
LOOSE = ["neuroHarmonize==2.5.2", "longcombat-py"]
"""Without their pins: neuroHarmonize asks for an older numpy and runs with this one."""
LIMIT_S = 200
CASES: dict[str, tuple[tuple[int, int], tuple[int, int], tuple[str, ...]]] = {
    "10,000 features, 1,000 people, 10 sites": (
        (1000, 10000), (200, 100),
        ("qiqa", "neuroCombat", "neuroHarmonize", "combatlearn", "inmoose", "pycombat"),
    ),
    "the same, components as well": (
        (1000, 10000), (200, 100), ("qiqa CovBat", "combatlearn CovBat"),
    ),
    "nonparametric, 1,000 features": (
        (1000, 1000), (200, 50), ("qiqa nonparametric", "neuroCombat nonparametric"),
    ),
    "age as a curve, 1,000 features": (
        (1000, 1000), (200, 20), ("qiqa curve", "neuroHarmonize curve"),
    ),
    "500 people twice, 50 features": (
        (1000, 50), (200, 12), ("qiqa longitudinal", "longcombat-py"),
    ),
}  # fmt: skip
"""Title -> size, reduced size (rows, features), programs."""


def prepare(folder: Path) -> Path:
    """Install the other programs and return their Python."""
    if not (folder / "pyvenv.cfg").exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    pip = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    for names in PACKAGES:
        subprocess.run([*pip, *names], check=False)
    subprocess.run([*pip, "--no-deps", *LOOSE], check=False)
    return python


def made_up(rows: int, features: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return a table of ten sites in which everybody came twice."""
    subject = np.repeat(np.arange(rows // 2), 2)
    batch = rng.integers(0, 10, rows)
    age = rng.uniform(20, 80, rows // 2)[subject]
    sex = np.array(["F", "M"])[rng.integers(0, 2, rows // 2)][subject]
    values = rng.normal(size=(rows, features)) * np.exp(0.2 * rng.normal(size=10))[batch][:, None]
    values += rng.normal(size=(10, features))[batch] + 0.02 * age[:, None]
    values += rng.normal(size=(rows // 2, features))[subject]
    names = np.array([f"site{b}" for b in range(10)])
    visit = np.tile([0, 1], rows // 2)
    return {"values": values, "batch": names[batch], "age": age, "sex": sex, "subject": subject,
            "visit": visit}  # fmt: skip


def once(python: Path, table: Path, name: str) -> dict[str, Any]:
    """Return times and memory of one program, or why there are none."""
    own = name.startswith("qiqa")
    environment = one_thread()
    # both or neither: they say for which processor the matrix library was tuned
    for setting in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
        environment.pop(setting, None)
    if not own:
        environment.pop("PYTHONPATH", None)
    command = [
        sys.executable if own else str(python),
        "-W",
        "ignore",
        str(RUNNER),
        str(table),
        name,
    ]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env=environment, timeout=LIMIT_S
        )
    except subprocess.TimeoutExpired:
        return {"why": f"more than {LIMIT_S} s"}
    if done.returncode:
        return {"why": (done.stderr.strip().splitlines() or ["failed"])[-1]}
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", type=Path, required=True)
    parser.add_argument("--reduced", action="store_true")
    parser.add_argument("--only", nargs="+", default=list(PROGRAMS), choices=list(PROGRAMS))
    arguments = parser.parse_args()
    python = prepare(arguments.peers)  # keeps what is there
    with tempfile.TemporaryDirectory(prefix="qiqa-combat-") as folder:
        for title, (size, reduced, programs) in CASES.items():
            print(title)
            table = Path(folder) / "table.npz"
            rng = np.random.default_rng(1)
            np.savez(table, **made_up(*(reduced if arguments.reduced else size), rng))
            first: np.ndarray | None = None
            for name in programs:
                if name not in arguments.only:
                    continue
                row = once(python, table, name)
                if "why" in row:
                    print(f"  {name}: {row['why']}")
                    continue
                with np.load(f"{table}.{name.replace(' ', '_')}.npz") as file:
                    found = file["found"]
                first = found if first is None else first
                apart = float(np.abs(found - first).max())
                print(
                    f"  {name} {row['version']}: {row['seconds']:.3f} s (processor"
                    f" {row['busy']:.3f} s), best of {row['runs']},"
                    f" {row['peak_mb']:.0f} MB, largest difference {apart:.2g}"
                )


if __name__ == "__main__":
    main()
