"""Every real ACR large folder times every test: value or reason, nothing aborted.

    QIQA_REAL_DATA=... python benchmarks/validation/acr_large_real.py [--write]

Pairs where a refusal is the right answer are listed here, with why, from what the scans hold;
any other refusal counts as a failure, and so does an answer where a refusal is right.
`--write` writes docs/validation/acr_large_real.md.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import sys
from pathlib import Path
from typing import Any

AIR_CUT = "the phantom lies 21 mm high: no air is left above it"
NORMALIZED = "intensity normalization changes the noise in the corners"
ZEROED = "the scanner sets the air to zero"
SPECKLED = "speckle was added to the signal: the background is not its noise"
REFUSALS = {
    ("GE", "snr_background"): NORMALIZED,
    ("GE_Signa_3T_T1", "psg"): AIR_CUT,
    ("GE_Signa_3T_T2", "psg"): AIR_CUT,
    ("Philips3TdStream", "snr_background"): ZEROED,
    ("PhilipsAchieva", "snr_background"): ZEROED,
    ("Siemens2", "snr_background"): SPECKLED,
    ("SiemensLargeSliceLocationDelta", "snr_background"): NORMALIZED,
    ("Siemens_Aera_1.5T_T1", "snr_background"): NORMALIZED,
    ("Siemens_Aera_1.5T_T2", "snr_background"): NORMALIZED,
    ("Siemens_MagnetomSkyra_3T_T1", "snr_background"): NORMALIZED,
    ("Siemens_Sola_1.5T_T1", "snr_background"): NORMALIZED,
}
AXIAL = (
    "diameter_slice1_lr",
    "diameter_slice1_ap",
    "diameter_slice5_lr",
    "diameter_slice5_ap",
    "diameter_slice5_d1",
    "diameter_slice5_d2",
    "slice_thickness",
    "slice_position_slice1",
    "slice_position_slice11",
    "piu",
    "psg",
    "snr_background",
    "snr_local",
    "center_frequency",
)
LOCALIZER = ("length_si", "center_frequency")
ABOUT = (
    ", made by benchmarks/validation/acr_large_real.py on the public scans listed in"
    " tests/real_data.toml. Value ± standard uncertainty; mm, %, 1."
)
SHORT = {
    "center_frequency": "CF [MHz]",
    "slice_position_slice1": "pos 1",
    "slice_position_slice11": "pos 11",
    "slice_thickness": "thick",
    "snr_background": "SNR bg",
    "snr_local": "SNR local",
    "length_si": "length",
}


def run_folder(folder: Path) -> dict[str, Any]:
    """Return the measurements of one folder by name, or the error under `error`."""
    import qiqa
    from qiqa.core.errors import QiqaError

    protocol = qiqa.load_protocol("acr_large_2022")
    request = qiqa.QcRequest(
        paths=(folder,), phantom=qiqa.load_phantom(protocol.phantom), protocol=protocol
    )
    try:
        result = qiqa.run_qc(request, now=dt.datetime.now(dt.UTC), user="validation")
    except QiqaError as error:
        return {"error": error}
    return {a.measurement.name: a for a in result.assessments}


def cell(found: dict[str, Any], folder: str, name: str) -> tuple[str, bool]:
    """Return the text of one cell and whether the answer is right in kind."""
    expected = REFUSALS.get((folder, name))
    if "error" in found:
        return f"ERROR {found['error']}", False
    item = found.get(name)
    if item is None:
        return "missing", False
    m = item.measurement
    if not m.measured:
        return (f"refused: {expected}", True) if expected else (f"REFUSED: {m.reason}", False)
    if name == "center_frequency":
        return f"{m.value / 1e6:.6f}", expected is None
    u = m.standard_uncertainty
    text = (
        f"{m.value:.0f} ± {u:.0f}"
        if m.value > 100 and m.unit == "1"
        else f"{m.value:.2f} ± {u:.2f}"
    )
    return text + ("" if expected is None else " (a refusal was expected)"), expected is None


def main() -> int:
    """Print the matrix; return 1 if any answer is wrong in kind."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--reduced", action="store_true", help="the same: it is short")
    options = parser.parse_args()
    root = os.environ.get("QIQA_REAL_DATA")
    if not root:
        print("QIQA_REAL_DATA is not set: nothing to do")
        return 0
    folders = sorted((Path(root) / "phantoms" / "acr_large").iterdir())
    right = wrong = evaluated = 0
    lines: list[str] = []
    for names, wanted in ((AXIAL, False), (LOCALIZER, True)):
        here = [f for f in folders if ("ocalizer" in f.name) is wanted]
        heads = [SHORT.get(n, n.replace("diameter_slice", "D").replace("_", " ")) for n in names]
        lines += ["", "| folder | " + " | ".join(heads) + " |", "|---" * (len(names) + 1) + "|"]
        for folder in here:
            found = run_folder(folder)
            cells = [cell(found, folder.name, name) for name in names]
            right += sum(good for _, good in cells)
            wrong += sum(not good for _, good in cells)
            evaluated += sum(good and not text.startswith("refused") for text, good in cells)
            lines.append(f"| {folder.name} | " + " | ".join(text for text, _ in cells) + " |")
    total = right + wrong
    summary = (
        f"{total} pairs: {evaluated} measured, {right - evaluated} rightly refused, {wrong} not; "
        f"{100 * right / total:.1f} % answered."
    )
    print("\n".join(lines))
    print(summary)
    if options.write:
        write(lines, summary)
    return 1 if wrong else 0


def write(lines: list[str], summary: str) -> None:
    """Write the matrix with its date."""
    target = Path(__file__).resolve().parents[2] / "docs" / "validation" / "acr_large_real.md"
    reasons = [f"- {folder}, {name}: {why}" for (folder, name), why in REFUSALS.items()]
    head = [
        "# Large ACR phantom: every real series times every test",
        "",
        dt.datetime.now(dt.UTC).date().isoformat() + ABOUT,
        "",
        summary,
    ]
    tail = ["", "Refusals that are the right answer, and why:", "", *reasons]
    target.write_text("\n".join([*head, *lines, *tail]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
