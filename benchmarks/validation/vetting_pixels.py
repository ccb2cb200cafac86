"""How large planted faults of pixels have to be to be told, and how often clean images are accused.

Five kinds of images (head, breast, abdomen, phantom, grid) without and with one fault of a known
size. `told`: an observation with the code of the fault; `acted`: its value is above the limit of
the default policy. On public scans (QIQA_REAL_DATA) the same text and spikes are planted, and what
is told of the scans as they are is listed: not all of that is wrong, some of them clip.

Full run (some minutes), writes docs/validation/vetting_pixels.{md,json}:

    python benchmarks/validation/vetting_pixels.py

Quick run, writes nothing and fails where a clean image is accused or a large fault is missed:

    python benchmarks/validation/vetting_pixels.py --reduced
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import os
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent))

from _evidence import stamp, table, write
from _pixel_faults import FAULTS, FONTS, IMAGES, SHAPE, TEXTS, Fault, Image, clean_image

from qiqa.core.vetting import SeriesFacts, Stack
from qiqa.io import load, read
from qiqa.vetting.checks import burned_in, plausibility, quality

ROOT = Path(__file__).resolve().parents[2]
SEED = 20261128
CHECKS = (quality, plausibility, burned_in)
PHASE = {"InPlanePhaseEncodingDirection": "COL"}
RUNS, CLEAN = 10, 100


def _limits() -> dict[str, float]:
    path = ROOT / "qiqa" / "vetting" / "policies" / "default.toml"
    rules = tomllib.loads(path.read_text(encoding="utf-8")).get("rules", {})
    return {code: float(rule["limit"]) for code, rule in rules.items()}


def _seen(stack: Stack) -> dict[str, float]:
    """Return code -> value of all pixel checks."""
    return {
        one.code: one.value
        for module in CHECKS
        for one in module.look(stack, IMAGES.settings(module.CHECK)).observations
    }


def study(fault: Fault, runs: int, limits: dict[str, float]) -> Iterator[dict[str, object]]:
    """Yield one row a dose: shares told and acted on, and what else was said."""
    for dose in fault.doses:
        rng = np.random.default_rng([SEED, FAULTS.index(fault), int(10 * dose)])
        told = acted = 0
        others: collections.Counter[str] = collections.Counter()
        for run in range(runs):
            shape = fault.shape
            image = IMAGES.truth(IMAGES.KINDS[run % len(IMAGES.KINDS)], rng, shape)
            seen = _seen(IMAGES.stack(np.rint(fault.plant(image, dose, rng)), **PHASE))
            right = {code: seen.pop(code) for code in (fault.code, *fault.also) if code in seen}
            told += bool(right)
            acted += any(value > limits[code] for code, value in right.items())
            others.update(list(seen))
        yield {
            "code": fault.code,
            "size": fault.size,
            "dose": dose,
            "runs": runs,
            "told": told / runs,
            "acted": acted / runs,
            "others": dict(others),
        }


def clean(runs: int, limits: dict[str, float]) -> dict[str, object]:
    """Return how many clean images are accused, by code."""
    rng = np.random.default_rng([SEED, 99])
    told: collections.Counter[str] = collections.Counter()
    acted: collections.Counter[str] = collections.Counter()
    for run in range(runs):
        image = IMAGES.truth(IMAGES.KINDS[run % len(IMAGES.KINDS)], rng, SHAPE)
        seen = _seen(IMAGES.stack(np.rint(clean_image(image, 0, rng)), **PHASE))
        told.update(list(seen))
        acted.update(code for code, value in seen.items() if value > limits[code])
    return {"runs": runs, "told": dict(told), "acted": dict(acted)}


def scans() -> Iterator[Stack]:
    """Yield the public scans; their headers say only modality, maker and phase axis here."""
    root = os.environ.get("QIQA_REAL_DATA")
    if not root:
        return
    for top in ("phantoms", "vendors"):
        for header in read([Path(root) / top]).headers:
            series = load(header)
            attributes = {"Modality": ("MR",), "Manufacturer": (header.scanner.manufacturer or "",)}
            axis = header.acquisition.phase_encode_direction
            if axis is not None:
                attributes["InPlanePhaseEncodingDirection"] = (axis,)
            if header.component != "magnitude":
                attributes["ImageType"] = ("DERIVED\\P",)
            yield Stack(
                facts=SeriesFacts(path="", series_uid=header.series_uid, attributes=attributes),
                signal=series.signal,
                affine=header.affine,
                stored_range=series.stored_range or (float("nan"), float("nan")),
                quantization=series.quantization,
            )


def real(every: int, limits: dict[str, float]) -> dict[str, object]:
    """Return what is told of public scans, and of them with text and spikes planted."""
    told: collections.Counter[str] = collections.Counter()
    acted: collections.Counter[str] = collections.Counter()
    count = 0
    texts, spikes = [0, 0], [0, 0]
    rng = np.random.default_rng([SEED, 7])
    for number, stack in enumerate(scans()):
        if number % every:
            continue
        count += 1
        seen = _seen(stack)
        told.update(list(seen))
        acted.update(code for code, value in seen.items() if value > limits[code])
        volume = stack.signal[:, :, :, 0].astype(np.float64)
        if min(volume.shape[:2]) >= 96 and volume.max() > 0:
            planted = _planted_text(volume, rng)
            found = burned_in.look(
                dataclasses.replace(stack, signal=planted), IMAGES.settings(burned_in.CHECK)
            )
            texts[0] += bool(found.observations)
            texts[1] += 1
            planted = _planted_spike(volume, rng)
            if planted is not None:
                found = quality.look(
                    dataclasses.replace(stack, signal=planted), IMAGES.settings(quality.CHECK)
                )
                spikes[0] += any(o.code == "spikes" for o in found.observations)
                spikes[1] += 1
    return {
        "series": count,
        "told": dict(told),
        "acted": dict(acted),
        "text_found": texts,
        "spikes_found": spikes,
    }


def _planted_text(volume: Image, rng: np.random.Generator) -> NDArray[np.float32]:
    cap = int(rng.choice([10, 12, 14]))
    n = volume.shape[1]
    row = int(rng.choice([2, n - 2 * cap - 2, n // 2]))
    text, font, soft = str(rng.choice(TEXTS)), str(rng.choice(FONTS)), bool(rng.integers(2))
    drawn = [
        IMAGES.with_text(
            volume[:, :, k], text, cap=cap, at=(2, row), soft=soft, font=font, value=volume.max()
        )
        for k in range(volume.shape[2])
    ]
    return np.asfortranarray(np.stack(drawn, axis=2)[..., None], dtype=np.float32)


def _planted_spike(volume: Image, rng: np.random.Generator) -> NDArray[np.float32] | None:
    bright = volume[volume > np.percentile(volume, 75)]
    if not bright.size:
        return None
    width, height = volume.shape[:2]
    i, j = np.meshgrid(np.arange(width), np.arange(height), indexing="ij")
    u, v = rng.integers(width // 10, width // 3), rng.integers(height // 10, height // 3)
    wave = 0.1 * np.median(bright) * np.exp(2j * np.pi * (u * i / width + v * j / height))
    planted = volume.copy()
    k = int(rng.integers(volume.shape[2]))
    planted[:, :, k] = np.abs(volume[:, :, k] + wave)
    return np.asfortranarray(planted[..., None], dtype=np.float32)


def main() -> int:
    """Run the study."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--reduced", action="store_true", help="few runs, write nothing")
    reduced = options.parse_args().reduced
    began, limits = time.perf_counter(), _limits()
    rows = []
    for row in (row for f in FAULTS for row in study(f, 5 if reduced else RUNS, limits)):
        shares = f"told {row['told']:.2f} acted {row['acted']:.2f}"
        print(row["code"], row["dose"], shares, row["others"], flush=True)
        rows.append(row)
    sound = clean(10 if reduced else CLEAN, limits)
    print("clean", sound)
    scanned = real(10 if reduced else 1, limits)
    print("public scans", scanned)
    sure = {f.size: f.sure for f in FAULTS}
    # of five runs two may be missed by chance where nine of ten are told; larger doses may be told
    # less: strong ghosts count as object
    missed = [r for r in rows if r["dose"] == sure[str(r["size"])] and r["told"] < 0.5]
    if reduced:
        return int(bool(missed or sound["told"]))
    seconds = time.perf_counter() - began
    _write(rows, sound, scanned, seconds)
    return 0


def _write(
    rows: list[dict[str, object]],
    sound: dict[str, object],
    scanned: dict[str, object],
    seconds: float,
) -> None:
    heads = ("fault", "size", "dose", "told", "acted on")
    body = [
        (
            f"`{r['code']}`",
            str(r["size"]),
            f"{r['dose']:g}",
            f"{100 * float(str(r['told'])):.0f} %",
            f"{100 * float(str(r['acted'])):.0f} %",
        )
        for r in rows
    ]
    text, spike = scanned["text_found"], scanned["spikes_found"]
    facts = stamp(SEED, seconds)
    preface = (
        f"{facts['date']}, commit {facts['commit']}, seed {SEED}. {rows[0]['runs']} images a row: "
        "head, breast, abdomen, phantom and grid in turn, drawn from ellipses with texture and "
        "Rician noise. `told`: an observation (of motion, or of the ghosts it makes); `acted on`: "
        "above the limit of the default policy. "
        "`benchmarks/validation/vetting_pixels.py` makes this page."
    )
    accused = (
        f"Clean images told of, of {sound['runs']}: {sound['told'] or 'none'}; acted on: "
        f"{sound['acted'] or 'none'}."
    )
    public = (
        f"Public scans (phantoms and volunteers of five makers), {scanned['series']} series: told "
        f"{scanned['told']}; acted on {scanned['acted']}. Text of 10 to 14 pixels planted in them "
        f"at their largest value was found in {text[0]} of {text[1]}, stripes of 10 % of the upper "
        f"quarter in one slice in {spike[0]} of {spike[1]}."
    )
    title = "# Pixel checks: planted faults and clean images"
    lines = [title, "", preface, "", *table(heads, body), "", accused, "", public]
    write("vetting_pixels", lines, {**facts, "rows": rows, "clean": sound, "public": scanned})


if __name__ == "__main__":
    sys.exit(main())
