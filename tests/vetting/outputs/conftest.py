"""A made-up set of 500 series from six sites, seen by made-up checks: nothing here is measured."""

from __future__ import annotations

import dataclasses
import datetime as dt
import shutil
import types
from pathlib import Path

import numpy as np
import pytest

from qiqa.core.finding import Severity
from qiqa.core.vet_result import About, SeriesSeen, VetParts, VetProvenance
from qiqa.core.vetting import (
    Action,
    Check,
    FileNote,
    Needs,
    Observation,
    Override,
    Reason,
    SetStatement,
    Setting,
)
from qiqa.io.policy_file import parse_policy
from qiqa.vetting.counting import shown_keys, summarize
from qiqa.vetting.standing import DECISIONS
from qiqa.workflows.reviewing import judge
from qiqa.workflows.vet_outputs import write_decisions, write_parts

AT = dt.datetime(2026, 11, 20, 7, 42)
SITES = (
    ("Aarhus", "SIEMENS 45012", "MR"),
    ("Aarhus", "SIEMENS 45977", "MR"),
    ("Lyon", "GE 000312", "MR"),
    ("Odense", "Philips 17204", "MR"),
    ("Porto", "SIEMENS 66120", "MR"),
    ("Tartu", "GE 000871", "MR"),
)


def check(name, needs, title, *reasons, settings=()):
    made = tuple(
        Reason(code=code, severity=Severity.WARNING, title=words, meaning=meaning, unit=unit)
        for code, words, meaning, unit in reasons
    )
    return Check(name=name, needs=needs, title=title, reasons=made, settings=settings)


CHECKS = (
    DECISIONS,
    check(
        "burned_in",
        Needs.PIXELS,
        "Text in pixels",
        (
            "text_in_pixels",
            "Text burned into pixels",
            (
                "Letters stand in the image. They may name the patient, and a model learns to read "
                "them."
            ),
            "",
        ),
    ),
    check(
        "completeness",
        Needs.HEADER,
        "Missing images",
        (
            "missing_slices",
            "Slices are missing",
            "Slice positions leave gaps. A model sees anatomy jump.",
            "slices",
        ),
        settings=(
            Setting(name="gap", default=1.5, meaning="in slice distances"),
            Setting(name="label", default="none", meaning="words"),
            Setting(name="needed", default=("EchoTime",), meaning="attributes"),
        ),
    ),
    check(
        "confounding",
        Needs.SET,
        "Labels and sites",
        (
            "label_by_site",
            "Label depends on site",
            "Whoever recognizes the site knows the label without looking at the disease.",
            "",
        ),
    ),
    check(
        "duplicates",
        Needs.SET,
        "Duplicates",
        (
            "duplicate_exact",
            "Same pixels as another series",
            "The image is counted twice; across splits it is learned by heart.",
            "%",
        ),
    ),
    check(
        "identity",
        Needs.FILE,
        "Identity in headers",
        (
            "identity_in_header",
            "Attributes identify a person",
            "Names, dates of birth or numbers of a person are in the header.",
            "attributes",
        ),
    ),
    check(
        "labels",
        Needs.SET,
        "Labels",
        ("label_missing", "No label", "The series cannot be used for supervision.", ""),
    ),
    check(
        "plausibility",
        Needs.PIXELS,
        "Values of pixels",
        (
            "map_unit_implausible",
            "Unit of a map is wrong by a power of ten",
            "Values are off by a factor that the header does not state.",
            "decades",
        ),
        (
            "clipped",
            "Values are clipped",
            "Many voxels stand at the largest value that can be stored.",
            "%",
        ),
    ),
    check(
        "predictability",
        Needs.SET,
        "Scanner told from quality",
        (
            "scanner_predictable",
            "Scanner can be told from image quality",
            "A model can use the scanner as a shortcut.",
            "",
        ),
    ),
    check(
        "quality",
        Needs.PIXELS,
        "Image quality",
        ("ghosting", "Ghosts", "Copies of the object along the phase direction.", "%"),
    ),
    check(
        "representativeness",
        Needs.SET,
        "Against the population",
        (
            "population_shift",
            "Share differs from the population",
            "The model will be worse where it saw few.",
            "",
        ),
    ),
)

RULES = (
    ("identity_in_header", 0, "reject", "Privacy office", "Nobody agreed to be named."),
    ("text_in_pixels", 0, "quarantine", "Privacy office", "A person has to read what it says."),
    ("duplicate_exact", 99.5, "reject", "J. Kask", "One copy is enough."),
    ("map_unit_implausible", 0, "correct", "J. Kask", "A power of ten is put right exactly."),
    ("clipped", 2, "quarantine", "J. Kask", "Contrast is lost where it is bright."),
    ("missing_slices", 0, "quarantine", "J. Kask", "Volumes have to be whole."),
    ("scanner_predictable", 0.8, "quarantine", "A. Moreau", "The model must not use the scanner."),
    ("label_by_site", 0.3, "quarantine", "A. Moreau", "Site must not stand for disease."),
    ("population_shift", 0.1, "keep", "A. Moreau", "To be stated, not to be acted on."),
)


def policy_text(rules=RULES, extra=""):
    lines = [
        'schema = "qiqa.vet_policy/1"',
        'name = "brain tumors"',
        'purpose = "training a segmentation model on T1 and ADC"',
        'owner = "J. Kask, North Trial"',
        "decided_on = 2026-11-02",
        extra,
    ]
    for code, limit, action, owner, reason in rules:
        lines += [
            f"[rules.{code}]",
            f"limit = {limit}",
            f'action = "{action}"',
            f'owner = "{owner}"',
            f'reason = "{reason}"',
        ]
    return "\n".join(lines).encode()


def seen_of(rng, index, site):
    """Yield what the checks saw of one series."""
    if site == "Lyon" and rng.random() < 0.25:
        factor = -3.0 if rng.random() < 0.8 else -6.0
        yield Observation(
            code="map_unit_implausible",
            value=abs(factor),
            evidence=f"median 1.{index % 10} in the object, plausible after times 1e{factor:.0f}",
            correction=f"multiply by 1e{factor:.0f}",
        )
    if site == "Porto" and rng.random() < 0.12:
        yield Observation(code="identity_in_header", value=2.0, evidence="PatientName, PatientID")
    if rng.random() < 0.03:
        share = float(np.round(rng.exponential(6.0) + 1.0, 2))
        yield Observation(code="clipped", value=share, evidence=f"{share} % of the object")
    if rng.random() < 0.02:
        yield Observation(code="text_in_pixels", evidence="two lines", where="slice 12")
    if site == "Tartu" and rng.random() < 0.1:
        yield Observation(code="missing_slices", value=3.0, evidence="3 of 24 positions empty")
    if rng.random() < 0.04:
        yield Observation(code="duplicate_exact", value=100.0, evidence="as series 1.2.826.7")
    if rng.random() < 0.05:
        yield Observation(code="ghosting", value=4.0, evidence="4 % beside the object")


def picture(rng, seen):
    """Return a picture of a head with its fault, 96 x 96."""
    y, x = np.mgrid[-1:1:96j, -1:1:96j]
    a, b = 0.62 + 0.1 * rng.random(), 0.75 + 0.08 * rng.random()
    inside = (x / a) ** 2 + (y / b) ** 2
    image = np.where(inside < 1, 0.35 + 0.3 * np.cos(7 * x + rng.random() * 6) * np.sin(5 * y), 0.0)
    image += np.where((inside < 1) & (inside > 0.85), 0.35, 0.0)
    image += 0.03 * rng.standard_normal(image.shape)
    codes = {one.code for one in seen}
    if "clipped" in codes:
        image = image * 2.4
    if "text_in_pixels" in codes:
        image[6:12, 6:50:4] = 1.0
    if "missing_slices" in codes:
        image[40:56] = 0.0
    return np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8).tobytes()


def statements():
    nan = float("nan")
    return {
        "predictability": (
            SetStatement(
                code="scanner_predictable",
                value=0.931,
                interval=(0.902, 0.957),
                p=0.005,
                subject="scanner",
                evidence="random forest, 12 features, folds by patient",
                rows=(("feature", "AUC alone"), ("snr", "0.88"), ("fwhm_mm", "0.81")),
            ),
        ),
        "confounding": (
            SetStatement(
                code="label_by_site",
                value=0.11,
                interval=(0.02, 0.21),
                p=0.04,
                subject="label and site",
                evidence="Cramer's V, 5 sites",
            ),
        ),
        "representativeness": (
            SetStatement(
                code="population_shift",
                value=0.17,
                interval=(0.12, 0.22),
                subject="age",
                evidence="no patient above 80",
            ),
            SetStatement(
                code="population_shift",
                value=nan,
                subject="sex",
                evidence="no table states the sex",
            ),
        ),
    }


def make_parts(n=500, seed=3):
    rng = np.random.default_rng(seed)
    series, thumbnails = [], {}
    for index in range(n):
        site, scanner, modality = SITES[int(rng.integers(len(SITES)))]
        seen = tuple(seen_of(rng, index, site))
        one = SeriesSeen(
            path=f"{site.lower()}/{index:04d}",
            series_uid=f"1.2.826.0.1.{100000 + index}",
            patient_hash=f"{index // 3:016x}",
            site=site,
            scanner=scanner,
            modality=modality,
            observations=seen,
        )
        series.append(one)
        thumbnails[one.key] = picture(rng, seen)
    quality = rng.normal((22.0, 3.1, 0.6), (4.0, 0.3, 0.1), (n, 3)).astype(np.float32)
    quality[::40, 1] = np.nan
    notes = [FileNote(path=f"extra/{i}.txt", kind="not DICOM", size=812) for i in range(7)]
    report = Observation(code="identity_in_header", value=1.0, evidence="PatientName")
    notes.append(
        FileNote(path="sr/1", kind="structured report", size=20480, observations=(report,))
    )
    return VetParts(
        series=tuple(sorted(series, key=lambda one: one.key)),
        checks=CHECKS,
        provenance=VetProvenance(
            qiqa_version="0.1.0",
            at=AT,
            judged_at=AT + dt.timedelta(minutes=9),
            inputs=("north-trial",),
            key_fingerprint="5f1c09ab",
        ),
        about=About(name="North Trial 2026"),
        notes=tuple(notes),
        statements=statements(),
        not_run={"labels": "no table with labels was given"},
        features=summarize(("snr", "fwhm_mm", "efc"), quality),
        thumbnails=thumbnails,
    )


@pytest.fixture
def make():
    """Return how the set is made, for tests that change it."""
    return types.SimpleNamespace(
        parts=make_parts, policy_text=policy_text, checks=CHECKS, rules=RULES, at=AT
    )


@pytest.fixture(scope="session")
def parts():
    return make_parts()


@pytest.fixture(scope="session")
def policy():
    return parse_policy(policy_text(), CHECKS, "policy.toml")


@pytest.fixture(scope="session")
def vetted(parts, policy):
    """Return the set, decided, with a person's decision on one series."""
    first = judge(parts, policy)
    held = next(row for row in first.rows if row.decision.action == "quarantine")
    person = Override(
        series_uid=held.series_uid,
        action=Action.KEEP,
        who="B. Lind",
        reason="letters are the side marker",
        at=AT + dt.timedelta(days=2),
        reasons=held.decision.reasons,
    )
    return judge(parts, policy, (person,))


@pytest.fixture(scope="session")
def written(parts, policy, tmp_path_factory):
    """Return an output folder that nobody may change."""
    pytest.importorskip("pyarrow")
    folder = tmp_path_factory.mktemp("written")
    result = judge(parts, policy)
    shown = {key: parts.thumbnails[key] for key in shown_keys(result.counts)}
    write_parts(dataclasses.replace(parts, thumbnails=shown), folder)
    write_decisions(result, folder, policy_text())
    return folder


@pytest.fixture
def output(written, tmp_path):
    """Return an output folder without decisions of persons."""
    return Path(shutil.copytree(written, tmp_path / "out"))
