"""Finding copies: what is found after which change, and how fast, against a perceptual hash.

    python benchmarks/vet_duplicates.py [--quick] [--heads N] [--imagehash PYTHON] [--out FILE]

Three parts. Which share of changed copies of simulated heads is found: by the signature, and by
`imagehash.phash` of the middle slice (ImageHash, BSD-2; PYTHON is an interpreter that has it, so
that nothing is installed here). How many bytes of pixels are signed a second. How long a million
signatures take to be searched and how much memory, in a process of its own (time of the wall and
of the processor; two threads). Quick: few heads, 20,000 signatures.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent))

from _anatomy import T2, acquire, head
from _vet_changes import CHANGES
from _vet_signatures import made_up

from qiqa.vetting.signature.layout import unpack
from qiqa.vetting.signature.search import near_pairs
from qiqa.vetting.signature.signing import sign

LIMIT = 84.5
"""Of the default rules [%]."""
FIRST = 500
"""The first of the heads: the limit was set on those before it."""

SEARCH = """
import json, sys, time
import numpy as np
from qiqa.vetting.signature.layout import VERSION, unpack
from qiqa.vetting.signature.search import exact_groups, near_pairs
few = np.random.default_rng(1).integers(0, 256, (5000, 248)).astype(np.uint8)
few[:, 16] = VERSION
few = unpack(few)
near_pairs(few, np.arange(10)); near_pairs(few, np.arange(5000))  # compiles
signatures = np.load(sys.argv[1])
wall, used = time.perf_counter(), time.process_time()
codes = unpack(signatures)
group = exact_groups(codes)
exact_s = time.perf_counter() - wall
near = near_pairs(codes, np.flatnonzero(group == np.arange(len(group))), threads=2)
wall, used = time.perf_counter() - wall, time.process_time() - used
# not getrusage: that remembers the memory of the process this one was forked from
status = open("/proc/self/status", encoding="ascii").read()
peak_kb = int(status.split("VmHWM:")[1].split()[0])
np.savez(sys.argv[2], group=group, first=near.first, second=near.second, s=near.similarity)
print(json.dumps({
    "wall_s": wall, "processor_s": used, "exact_s": exact_s,
    "peak_mb": peak_kb / 1024,
    "compared": near.compared, "left_out": near.left_out, "unlisted": near.unlisted,
}))
"""

PHASH = """
import sys
import imagehash, numpy as np
from PIL import Image
data = np.load(sys.argv[1])
rows = []
for name in data.files:
    plane = data[name].astype(float)
    low, high = plane.min(), plane.max()
    gray = (255 * (plane - low) / max(high - low, 1e-9)).astype(np.uint8)
    rows.append(imagehash.phash(Image.fromarray(gray)).hash.ravel())
np.save(sys.argv[2], np.array(rows))
"""


def _signature(stack: NDArray[np.generic]) -> NDArray[np.uint8]:
    whole = np.asarray(stack, dtype=np.float32)[..., None]
    return np.frombuffer(sign(whole, float("nan")), dtype=np.uint8)


def _similar(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    found = near_pairs(unpack(np.stack([a, b])), np.arange(2)).similarity
    return float(found[0]) if len(found) else 0.0


def _hashes(python: str, planes: list[NDArray[np.generic]]) -> NDArray[np.bool_]:
    """Return the hash of each plane (n, 64), as another interpreter makes it."""
    with tempfile.TemporaryDirectory(prefix="qiqa-phash-") as folder:
        given, made = Path(folder) / "planes.npz", Path(folder) / "hashes.npy"
        np.savez(given, *planes)
        subprocess.run([python, "-c", PHASH, str(given), str(made)], check=True)
        return np.asarray(np.load(made), dtype=np.bool_)


def recall(heads: int, python: str | None) -> dict[str, Any]:
    """Return which share of changed copies, and of other images, is called a copy."""
    people = range(FIRST, FIRST + heads)
    stacks = [acquire(head(s), s) for s in people]
    own = [_signature(stack) for stack in stacks]
    others = {
        "another visit": [acquire(head(s), 1000 + s) for s in people],
        "other contrast, same place": [acquire(head(s), s, contrast=T2) for s in people],
        "another person": [stacks[s - 1] for s in range(heads)],
    }
    every = {**{name: map(change, stacks) for name, change in CHANGES.items()}, **others}
    found: dict[str, list[float]] = {}
    planes: list[NDArray[np.generic]] = [stack[:, :, stack.shape[2] // 2] for stack in stacks]
    for name, changed in every.items():
        found[name] = []
        for s, stack in enumerate(changed):
            found[name].append(_similar(own[s], _signature(stack)))
            planes.append(np.asarray(stack[:, :, stack.shape[2] // 2]))
        print(f"{name}: {np.mean(np.array(found[name]) > LIMIT):.2f}", flush=True)
    rows = {name: {"ours": float(np.mean(np.array(v) > LIMIT))} for name, v in found.items()}
    if python is None:
        return {"heads": heads, "rows": rows}
    bits = _hashes(python, planes).reshape(len(every) + 1, heads, 64)
    pairs = [(a, b) for a in range(heads) for b in range(a)]
    apart = min(int((bits[0, a] != bits[0, b]).sum()) for a, b in pairs)
    for name, changed_bits in zip(every, bits[1:], strict=True):
        distance = (changed_bits != bits[0]).sum(axis=1)
        rows[name]["phash, 10 bits"] = float(np.mean(distance <= 10))
        rows[name]["phash, no two people"] = float(np.mean(distance < apart))
    return {"heads": heads, "rows": rows, "phash_people_apart_bits": apart}


def speed() -> dict[str, float]:
    """Return bytes of pixels (16 bits a value) signed a second of the processor."""
    found = {}
    for name, shape, voxel in (
        ("256 x 256 x 30", (256, 256, 30), (0.9, 0.9, 5.0)),
        ("256 x 256 x 160", (256, 256, 160), (1.0, 1.0, 1.1)),
    ):
        stack = acquire(head(1), 1, shape=shape, voxel_mm=voxel)[..., None]
        sign(stack, 1.0)
        began = time.process_time()
        for _ in range(3):
            sign(stack, 1.0)
        each = (time.process_time() - began) / 3
        found[f"{name}: s"] = each
        found[f"{name}: MB/s"] = 2 * stack.size / 1e6 / each
    return found


def search(count: int) -> dict[str, Any]:
    """Return time, memory and recall of a search among made-up signatures."""
    planted = made_up(count)
    with tempfile.TemporaryDirectory(prefix="qiqa-search-") as folder:
        given, made = Path(folder) / "signatures.npy", Path(folder) / "found.npz"
        np.save(given, planted.signatures)
        command = [sys.executable, "-c", SEARCH, str(given), str(made)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        with np.load(made) as data:
            group, first, second, similarity = (data[k] for k in ("group", "first", "second", "s"))
    pairs = set(zip(first.tolist(), second.tolist(), strict=True))
    copies = {
        kind: [tuple(pair) for pair in rows.tolist()] for kind, rows in planted.copies.items()
    }
    rates = {
        kind: float(np.mean([pair in pairs for pair in rows]))
        for kind, rows in copies.items()
        if kind != "exact"
    }
    rates["exact"] = float(np.mean([group[b] == a for a, b in copies["exact"]]))
    known = set().union(*copies.values())
    chance = [
        s
        for a, b, s in zip(first.tolist(), second.tolist(), similarity.tolist(), strict=True)
        if (a, b) not in known
    ]
    return {
        "signatures": count,
        **json.loads(done.stdout),
        "found": rates,
        "pairs_by_chance": len(chance),
        "pairs_by_chance_above_limit": sum(s > LIMIT for s in chance),
    }


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--imagehash", metavar="PYTHON")
    parser.add_argument("--heads", type=int, default=16)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    whole: dict[str, Any] = {
        "machine": f"{platform.machine()}, {os.cpu_count()} processors",
        "recall": recall(3 if arguments.quick else arguments.heads, arguments.imagehash),
        "signing": speed(),
        "search": search(20_000 if arguments.quick else 1_000_000),
    }
    text = json.dumps(whole, indent=1)
    print(text)
    if arguments.out is not None:
        arguments.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
