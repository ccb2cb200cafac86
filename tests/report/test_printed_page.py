"""The page in a real browser, and with the pixels of a real scan."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from qiqa.report.html import render_html, write_html

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-pdf-header-footer",
]


def browse(profile, *arguments):
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", *arguments]
    return subprocess.run(command, check=True, capture_output=True, timeout=120)


def pages(pdf):
    return len(re.findall(rb"/Type\s*/Page\b(?!s)", pdf.read_bytes()))


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
@pytest.mark.parametrize("paper", ["letter", "A4"])
def test_one_series_fits_on_two_sheets(make, tmp_path, paper):
    source = render_html(make.exam(roles=("T1",)))
    page = tmp_path / "page.html"
    page.write_text(source.replace("@page {", f"@page {{ size: {paper};"), encoding="utf-8")
    pdf = tmp_path / "page.pdf"
    browse(tmp_path / "profile", f"--print-to-pdf={pdf}", page.as_uri())
    assert pages(pdf) == 2


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
def test_no_script_runs_and_nothing_is_refused(make, tmp_path):
    attack = "<img src=x onerror=document.title='owned'></script><script>alert(1)</script>"
    exam = make.exam(roles=("T1",), series=(make.series("T1", description=attack),))
    page = write_html(exam, tmp_path / "page.html")
    done = browse(tmp_path / "profile", "--enable-logging=stderr", "--dump-dom", page.as_uri())
    assert b"<title>Action needed" in done.stdout
    assert b"Content Security Policy" not in done.stderr
    assert b"&lt;img src=x" in done.stdout


def real_slices():
    """Return slices 1, 5 and 7 of a public scan of the phantom."""
    root = os.environ.get("QIQA_REAL_DATA")
    if not root:
        pytest.skip("QIQA_REAL_DATA is not set")
    import pydicom

    folder = Path(root) / "phantoms" / "acr_large" / "Siemens_Aera_1.5T_T1"
    read = [pydicom.dcmread(path) for path in sorted(folder.iterdir()) if path.is_file()]
    images = [item for item in read if "ImagePositionPatient" in item]
    images.sort(key=lambda item: float(item.ImagePositionPatient[2]))
    assert len(images) == 11
    return [images[k].pixel_array.astype(np.float32) for k in (0, 4, 6)]


def test_real_pixels_in_time_and_size(make, tmp_path):
    first, fifth, seventh = real_slices()
    base = make.exam(roles=("T1",))
    chosen = (first, fifth, first, first[20:110, 80:170], first, seventh, seventh, seventh)
    evidence = tuple(
        make.replace(item, image=image) for item, image in zip(base.evidence, chosen, strict=True)
    )
    exam = make.replace(base, evidence=evidence)
    render_html(exam)
    times = []
    for _ in range(3):
        start = time.perf_counter()
        path = write_html(exam, tmp_path / "real.html")
        times.append(time.perf_counter() - start)
    assert path.stat().st_size < 1_500_000
    # The aim is 0.25 s; the rest is for busy machines.
    assert min(times) < 0.75
