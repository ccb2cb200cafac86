"""Plans of training sets: sites, scanners, people, visits, and what is wrong on purpose."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from qiqa.core.errors import UsageError
from qiqa.core.training_set import PlannedScanner, PlannedSeries, PlantedFault, TrainingSetPlan
from qiqa.simulate.anatomy import head_image
from qiqa.simulate.set_faults import FAULTS, spoil

__all__ = ["MAKERS", "TrainingSetSpec", "image_of", "plan_training_set"]

FloatArray = NDArray[np.float64]

MAKERS = ("SIEMENS", "GE MEDICAL SYSTEMS", "Philips", "CANON_MEC", "UIH", "FUJIFILM")
_MODELS = dict(
    zip(MAKERS, ("Skyra", "SIGNA Premier", "Ingenia", "Galan", "uMR 790", "ECHELON"), strict=True)
)
_CONTRASTS = ("t1w", "t2w", "adc")
_DOSES = (0.0, 0.5, 1.0)
_NOT_IN_MAPS = ("burned_in", "attributes", "protocol")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSetSpec:
    """What is asked for.

    Raises
    ------
    UsageError
        If a fault is not known or a share is not from 0 to 1.
    """

    sites: int = 6
    people_a_site: int = 20
    slices: int = 8
    makers: Sequence[str] = MAKERS[:3]
    faults: Mapping[str, float] = dataclasses.field(default_factory=dict)
    """Kind -> share of all series that have it."""
    several: float = 0.2
    """Share of the spoiled series that get a second fault."""
    seed: int = 1
    matrix: int = 96

    def __post_init__(self) -> None:
        known = {fault.kind for fault in FAULTS}
        for kind, share in self.faults.items():
            if kind not in known:
                raise UsageError(f"{kind!r} is no fault", hint=f"there are {', '.join(known)}")
            if not 0.0 <= share <= 1.0:
                raise UsageError(f"share {share:g} of {kind} is not from 0 to 1")


def plan_training_set(spec: TrainingSetSpec) -> TrainingSetPlan:
    """Return who is scanned where and when, and what goes wrong.

    Every person has one study with a T1-weighted, a T2-weighted and an ADC series.
    """
    rng = np.random.default_rng(spec.seed)
    scanners = tuple(_scanner(spec, number, rng) for number in range(spec.sites))
    clean: list[PlannedSeries] = []
    for site in range(spec.sites):
        for person in range(spec.people_a_site):
            clean += _study(site, person, len(clean), rng)
    return TrainingSetPlan(
        seed=spec.seed,
        slices=spec.slices,
        scanners=scanners,
        series=tuple(_spoiled(clean, spec, rng)),
    )


def _scanner(spec: TrainingSetSpec, number: int, rng: np.random.Generator) -> PlannedScanner:
    maker = spec.makers[number % len(spec.makers)]
    voxel = float(rng.choice([1.9, 2.0, 2.2])) * 96 / spec.matrix
    spacing = float(rng.choice([4.4, 5.0, 5.5, 6.0]))
    return PlannedScanner(
        site=f"Site {number + 1:02d}",
        manufacturer=maker,
        model=_MODELS.get(maker, "MR"),
        serial=str(int(rng.integers(10_000, 99_999))),
        software=str(rng.choice(["VA30", "VA31", "DV29", "R5.7"])),
        field_t=float(rng.choice([1.5, 3.0])),
        matrix=spec.matrix,
        voxel_mm=voxel,
        spacing_mm=spacing,
        thickness_mm=spacing - float(rng.choice([0.0, 0.5])),
        gain=float(rng.uniform(300, 1500)),
        noise=float(rng.uniform(0.015, 0.05)),
        shading=float(rng.uniform(0.1, 0.5)),
        blur_mm=float(rng.uniform(0.8, 1.4)) * voxel,
        air_is_zero=bool(rng.random() < 0.3),
        slope=float(rng.uniform(0.5, 4.0)) if maker == "Philips" else 1.0,
    )


def _study(site: int, person: int, number: int, rng: np.random.Generator) -> list[PlannedSeries]:
    who = int(rng.integers(1 << 40))
    day = dt.date(2024, 1, 1) + dt.timedelta(days=int(rng.integers(0, 700)))
    name = f"{_pick(_FAMILY, rng)}^{_pick(_GIVEN, rng)}"
    split = str(rng.choice(["train", "valid", "test"], p=[0.7, 0.15, 0.15]))
    common = {
        "scanner": site,
        "patient": name,
        "patient_id": f"{site + 1:02d}-{1000 + person}",
        "birth_date": day - dt.timedelta(days=int(rng.integers(20 * 365, 80 * 365))),
        "sex": str(rng.choice(["F", "M"])),
        "date": day,
        "person_seed": who,
        "label": str(rng.choice(["benign", "malignant"], p=[0.6, 0.4])),
        "split": split,
        "study_uid": _uid(rng),
    }
    return [
        PlannedSeries(
            number=number + i,
            contrast=contrast,
            image_seed=int(rng.integers(1 << 40)),
            series_uid=_uid(rng),
            **common,  # type: ignore[arg-type]
        )
        for i, contrast in enumerate(_CONTRASTS)
    ]


_FAMILY = ("Lindqvist", "Moreau", "Okafor", "Tanaka", "Silva", "Novak", "Haddad", "Olsen", "Rossi")
_GIVEN = ("Astrid", "Benoit", "Chidi", "Emiko", "Joana", "Marek", "Nadia", "Sverre", "Paola")


def _pick(words: Sequence[str], rng: np.random.Generator) -> str:
    return words[int(rng.integers(len(words)))]


def _uid(rng: np.random.Generator) -> str:
    return f"2.25.{int(rng.integers(1 << 62))}{int(rng.integers(1 << 62))}"


def _spoiled(
    clean: list[PlannedSeries], spec: TrainingSetSpec, rng: np.random.Generator
) -> list[PlannedSeries]:
    """Plant faults at three doses in turn; copies are series of their own at the end."""
    faults: dict[int, list[PlantedFault]] = {}
    copies: list[PlannedSeries] = []
    kinds = {fault.kind: fault for fault in FAULTS}
    for kind, share in sorted(spec.faults.items()):
        fits = [s.number for s in clean if (kind != "map_unit") or s.contrast == "adc"]
        # nobody asks of a map how its sources were acquired
        fits = [n for n in fits if kind not in _NOT_IN_MAPS or clean[n].contrast != "adc"]
        count = min(len(fits), round(share * len(clean)))
        for turn, number in enumerate(rng.permutation(fits)[:count]):
            planted = PlantedFault(kind=kind, dose=_DOSES[turn % len(_DOSES)])
            if kinds[kind].where == "copy":
                copies.append(_copy(clean[int(number)], planted, len(clean) + len(copies), rng))
            else:
                faults.setdefault(int(number), []).append(planted)
    if spec.several > 0:
        _second(faults, clean, spec, rng)
    spoiled = [dataclasses.replace(s, faults=tuple(faults.get(s.number, ()))) for s in clean]
    # a copy is of the image as it was sent, faults of pixels and all
    return [*spoiled, *(_with_pixels(one, spoiled) for one in copies)]


def _second(
    faults: dict[int, list[PlantedFault]],
    clean: Sequence[PlannedSeries],
    spec: TrainingSetSpec,
    rng: np.random.Generator,
) -> None:
    """Give some of the spoiled series another fault of the header that can be theirs."""
    more = [k for k in ("attributes", "identity", "spacing") if spec.faults.get(k, 0.0) > 0]
    for number in sorted(faults):
        if more and rng.random() < spec.several:
            kind = _pick(more, rng)
            if kind in _NOT_IN_MAPS and clean[number].contrast == "adc":
                continue
            if all(one.kind != kind for one in faults[number]):
                faults[number].append(PlantedFault(kind=kind, dose=float(rng.choice(_DOSES))))


def _copy(
    source: PlannedSeries, fault: PlantedFault, number: int, rng: np.random.Generator
) -> PlannedSeries:
    other = bool(rng.random() < 0.5)
    return dataclasses.replace(
        source,
        number=number,
        series_uid=_uid(rng),
        study_uid=_uid(rng),
        patient_id=f"{source.patient_id}-B" if other else source.patient_id,
        split=str(rng.choice(["train", "test"])),
        faults=(fault,),
        copy_of=source.number,
    )


def _with_pixels(copy: PlannedSeries, spoiled: list[PlannedSeries]) -> PlannedSeries:
    assert copy.copy_of is not None  # noqa: S101 - for the type checker: copies have a source
    pixels = {fault.kind for fault in FAULTS if fault.where == "pixels"}
    own = tuple(f for f in spoiled[copy.copy_of].faults if f.kind in pixels)
    return dataclasses.replace(copy, faults=(*copy.faults, *own))


def image_of(plan: TrainingSetPlan, series: PlannedSeries) -> FloatArray:
    """Return the image of one series with its faults of pixels, (i, j, k); a copy is changed.

    An ADC map is in 1e-6 mm²/s.
    """
    scanner = plan.scanners[series.scanner]
    image = head_image(series.person_seed, series.image_seed, series.contrast, scanner, plan.slices)
    if series.contrast == "adc":
        image = 1000.0 * image
    rng = np.random.default_rng([series.image_seed, 3])
    image = spoil(image, tuple((f.kind, f.dose) for f in series.faults), rng)
    return _changed(image, series)


def _changed(image: FloatArray, series: PlannedSeries) -> FloatArray:
    """Return a copy's image."""
    kinds = {fault.kind: fault.dose for fault in series.faults}
    if "copy_flipped" in kinds:
        image = image[::-1] if kinds["copy_flipped"] < 0.75 else image[:, ::-1]
    if "copy_cropped" in kinds:
        cut = round((0.10 + 0.15 * kinds["copy_cropped"]) * image.shape[0])
        image = image[cut:-cut, cut:-cut]
    if "copy_resampled" in kinds:
        image = _resampled(image, 0.9 - 0.3 * kinds["copy_resampled"])
    if "copy_windowed" in kinds:
        top = float(np.quantile(image, 0.995)) or 1.0
        gamma = 1.0 - 0.5 * kinds["copy_windowed"]
        image = np.round(255.0 * np.clip(image / top, 0.0, 1.0) ** gamma)
    return image


def _resampled(image: FloatArray, scale: float) -> FloatArray:
    """Sample slices anew with bilinear interpolation."""
    n = max(8, round(image.shape[0] * scale))
    at = (np.arange(n) + 0.5) / n * image.shape[0] - 0.5
    low = np.clip(np.floor(at).astype(int), 0, image.shape[0] - 2)
    share = np.clip(at - low, 0.0, 1.0)[:, None, None]
    rows = image[low] * (1 - share) + image[low + 1] * share
    share = share.reshape(1, -1, 1)
    return np.asarray(rows[:, low] * (1 - share) + rows[:, low + 1] * share)
