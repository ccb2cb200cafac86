# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # From DICOM to a T1 map
#
# An inversion recovery of seven vials: ten inversion times, one DICOM series each, as a scanner
# sends them. The scan is simulated, so the truth is known and every step can be checked. Two vials
# are trouble on purpose, since a real phantom has such vials too: one is so bright that the scanner
# clips it at some inversion times, one has a T1 so short that no inversion time can tell it.

# %%
import datetime as dt
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt  # also makes the notebook show figures
import numpy as np

import qiqa
from qiqa.core.maps import FitStatus
from qiqa.core.scanner import Acquisition, Scanner
from qiqa.core.series import FrameSource, Series, SeriesHeader
from qiqa.io.collecting import collect
from qiqa.io.read_map import read_map
from qiqa.io.write_dicom import write_series
from qiqa.io.write_maps import write_maps

work = tempfile.TemporaryDirectory(prefix="qiqa-")
folder = Path(work.name)

# %% [markdown]
# ## The scan
#
# Inversion is not perfect (96 %) and the TR of 4.5 s is not long against the longest T1. Noise is
# that of a magnitude image: Gaussian in both channels, SD 10 at a signal of 1000. The scanner
# stores 12 bits, so nothing is above 4095.

# %%
TI_MS = (35, 75, 100, 125, 150, 250, 1000, 1500, 2000, 3000)
TR_MS = 4500.0
EFFICIENCY = 0.96
NOISE_SD = 10.0
#        T1 [ms], M0
VIALS = (
    (1880.0, 1000.0),
    (987.0, 1000.0),
    (485.0, 1000.0),
    (241.0, 1000.0),
    (121.0, 1000.0),
    (690.0, 4400.0),  # clipped where the signal is largest
    (4.0, 1000.0),  # recovered before the first inversion time
)
BRIGHT, SHORT = 5, 6

shape = (72, 72, 2)
x, y = np.meshgrid(np.arange(shape[0]), np.arange(shape[1]), indexing="ij")
vial = np.full(shape[:2], -1)
for number in range(len(VIALS)):
    angle = 2 * np.pi * number / len(VIALS)
    center = 35.5 + 22 * np.cos(angle), 35.5 + 22 * np.sin(angle)
    vial[(x - center[0]) ** 2 + (y - center[1]) ** 2 <= 6.5**2] = number
vial = np.repeat(vial[:, :, None], shape[2], axis=2)

t1_true = np.full(shape, np.nan)
m0_true = np.zeros(shape)
for number, (t1, m0) in enumerate(VIALS):
    t1_true[vial == number] = t1
    m0_true[vial == number] = m0


def image(ti_ms: float, rng: np.random.Generator) -> np.ndarray:
    """Return one stored image: magnitude, noise in both channels, whole numbers, 12 bits."""
    recovery = (
        1 - (1 + EFFICIENCY) * np.exp(-ti_ms / t1_true) + EFFICIENCY * np.exp(-TR_MS / t1_true)
    )
    signal = m0_true * np.nan_to_num(recovery)
    noisy = np.hypot(signal + rng.normal(0, NOISE_SD, shape), rng.normal(0, NOISE_SD, shape))
    return np.minimum(np.rint(noisy), 4095)


# %% [markdown]
# Each inversion time becomes a series of classic DICOM files, written as a Siemens scanner would.

# %%
rng = np.random.default_rng(20260105)
start = dt.datetime(2026, 1, 5, 7, 30)
size_mm, thickness_mm = 3.0, 5.0
affine = np.diag([-size_mm, -size_mm, thickness_mm, 1.0])
affine[:3, 3] = (size_mm * 35.5, size_mm * 35.5, 0.0)
for number, ti in enumerate(TI_MS, start=1):
    header = SeriesHeader(
        series_uid=f"2.25.2026010507300{number:02d}",
        study_uid="2.25.202601050730",
        frame_of_reference_uid="2.25.2026010507301",
        description=f"IR TI={ti}",
        modality="MR",
        scanner=Scanner(serial_number="SIM0002", field_strength_t=3.0),
        acquisition=Acquisition(
            acquired_at=start + dt.timedelta(minutes=5 * number),
            spin_echo=True,
            tr_ms=TR_MS,
            te_ms=7.0,
            ti_ms=float(ti),
            flip_angle_deg=90.0,
            slice_thickness_mm=thickness_mm,
            slice_spacing_mm=thickness_mm,
        ),
        affine=affine,
        shape=(*shape, 1),
        frames=(tuple(FrameSource(path="simulated") for _ in range(shape[2])),),
        slice_positions_mm=tuple(thickness_mm * k for k in range(shape[2])),
    )
    pixels = np.asfortranarray(image(ti, rng)[..., None], dtype=np.float32)
    write_series(
        Series(header=header, signal=pixels, stored_range=(0.0, 4095.0)),
        folder / "scan" / f"ti{ti:04d}",
        series_number=number,
    )
print(sum(1 for _ in (folder / "scan").rglob("*.dcm")), "files")

# %% [markdown]
# ## Read it, put it together
#
# `read` looks at headers only and finds ten series. They agree in everything but the inversion
# time, so `collect` makes one of them: ten volumes with an inversion time each. What nearly fits,
# say a series with the slices moved, would stay apart and a finding would say why.

# %%
contents = qiqa.read(folder / "scan")
headers, findings = collect(contents.headers)
assert len(contents.headers) == len(TI_MS)
assert len(headers) == 1
assert not contents.findings
assert not findings

header = headers[0]
print(header.description, header.shape, header.encoding.name, header.encoding.unit)
print(*header.encoding.values)
assert header.encoding.values == TI_MS

# %% [markdown]
# ## Fit
#
# One line. The magnitude has lost its sign, so the fit tries every place along the inversion times
# at which the sign can change. The inversion efficiency is free; to assume 100 % would make T1
# wrong. The first fit on a computer takes some seconds longer: it is compiled, and kept.

# %%
series = qiqa.load(header)
maps = qiqa.fit(series, "t1_inversion_recovery")
print(maps.method)
print(f"noise SD {maps.noise_sd:.2f} from {maps.noise_source}; simulated {NOISE_SD:g}")
assert abs(maps.noise_sd - NOISE_SD) < 0.5

# %% [markdown]
# ## Did it work? The status first
#
# Each voxel has a status, and where it is not `converged` (or `exact`) there is no number, not even
# a bad one: NaN.

# %%
for status, count in maps.counts().items():
    print(f"{status.words:15} {count:6,}")
answered = np.isin(maps.status, (FitStatus.CONVERGED, FitStatus.EXACT))
assert np.array_equal(answered, np.isfinite(maps.estimate("t1")))
assert answered[vial < 0].mean() < 1e-3, "air has no T1"

# %% [markdown]
# Air is `noise floor`: no point of it stands out (about one voxel in 2,500 does by chance, with ten
# images). The bright vial is fitted all the same, on the inversion times that are not clipped;
# `n_used` says on how many.

# %%
for number, (t1, _) in enumerate(VIALS):
    inside = vial == number
    points = maps.n_used[inside]
    share = answered[inside].mean()
    print(f"T1 {t1:6g} ms: {100 * share:5.1f} % answered, {np.median(points):.0f} of 10 points")
good = (vial >= 0) & (vial != SHORT)
assert np.median(maps.n_used[vial == BRIGHT]) < len(TI_MS)
assert answered[good].all()
assert maps.n_clipped > 0

# %% [markdown]
# The vial with a T1 of 4 ms is the one to learn from. It shows the same signal at all inversion
# times, within the noise. A third of its voxels have no answer, and rightly; the others found some
# recovery in their noise. Two things give them away: the standard error, and the inversion
# efficiency, which no real inversion can have. A status says how a fit ended, not whether the
# experiment could tell.

# %%
t1_map, t1_se = maps.estimate("t1"), maps.standard_error("t1")
efficiency = maps.estimate("inversion_efficiency")
possible = (efficiency > 0.7) & (efficiency < 1.1)
for name, where in (("T1 of 4 ms", vial == SHORT), ("all other vials", good)):
    here = where & answered
    ratio = np.median(t1_se[here] / t1_map[here])
    print(
        f"{name:16} median SE / T1 {100 * ratio:6.1f} %;"
        f"  efficiency possible in {100 * possible[here].mean():5.1f} %"
    )
assert possible[good].all()
assert possible[answered & (vial == SHORT)].mean() < 0.05

# %%
panels, axes = plt.subplots(1, 3, figsize=(11, 3.4), layout="constrained")
slice_0 = [
    ("T1 [ms]", t1_map[:, :, 0], {"vmin": 0, "vmax": 2000}),
    ("standard error [ms]", t1_se[:, :, 0], {"vmin": 0, "vmax": 80}),
    ("status", maps.status[:, :, 0], {"vmin": 0, "vmax": 9, "cmap": "tab10"}),
]
for ax, (title, values, options) in zip(axes, slice_0, strict=True):
    shown = ax.imshow(values.T, **options)
    ax.set_title(title)
    ax.set_axis_off()
    panels.colorbar(shown, ax=ax)
plt.show()

# %% [markdown]
# ## Is it right?
#
# The standard error of a voxel comes from the residuals of its own fit. If it is honest, the mean
# of a vial differs from the truth by no more than chance allows: here within 2.5 standard errors of
# that mean. And the scatter from voxel to voxel is as large as the standard errors say.

# %%
for number, (t1, _) in enumerate(VIALS):
    if number == SHORT:
        continue
    inside = (vial == number) & answered
    mean = t1_map[inside].mean(dtype=float)
    se_of_mean = np.sqrt(np.sum(t1_se[inside].astype(float) ** 2)) / inside.sum()
    scatter = t1_map[inside].std(dtype=float)
    typical_se = np.sqrt(np.mean(t1_se[inside].astype(float) ** 2))
    print(
        f"T1 {mean:8.2f} ms, truth {t1:6g} ms, off by {(mean - t1) / se_of_mean:+5.2f} SE;"
        f"  voxel SD {scatter:6.2f} ms, SE {typical_se:6.2f} ms"
    )
    assert abs(mean - t1) < 2.5 * se_of_mean
    assert 0.85 < scatter / typical_se < 1.15

found = np.median(efficiency[vial == 1])
print(f"inversion efficiency {found:.3f}, simulated {EFFICIENCY}")
assert abs(found - EFFICIENCY) < 0.01

# %% [markdown]
# ## One voxel from near
#
# The signal starts negative, goes through zero and recovers; its magnitude has a cusp. No check of
# a model is better than a look at points and curve of some voxels; the page of `qiqa map` draws
# them.

# %%
i, j, k = np.argwhere(vial == 1)[60]
t1, m0, k_inv = (maps.estimate(p.name)[i, j, k] for p in maps.parameters)
ti = np.linspace(0, 3200, 400)
curve = m0 * (1 - (1 + k_inv) * np.exp(-ti / t1) + k_inv * np.exp(-TR_MS / t1))
chart, axes = plt.subplots(figsize=(6, 3.2), layout="constrained")
axes.plot(TI_MS, series.signal[i, j, k], "o", label="measured")
axes.plot(ti, np.abs(curve), label=f"T1 {t1:.0f} ms, standard error {t1_se[i, j, k]:.0f} ms")
axes.set_xlabel("inversion time [ms]")
axes.set_ylabel("signal")
axes.legend()
plt.show()

# %% [markdown]
# ## Keep it
#
# A BIDS derivative data set. BIDS wants seconds, so the file holds seconds; the sidecar says so,
# along with the model and the meaning of each status. `qiqa map t1 scan -o maps` on the command
# line does all of this at once and adds a page to judge the map by.

# %%
files = write_maps(maps, folder / "maps", entities={"sub": "vials"})
for path in files:
    print(path.relative_to(folder).as_posix())
t1_file = folder / "maps" / "sub-vials" / "anat" / "sub-vials_T1map.nii.gz"
seconds, _, unit = read_map(t1_file)
assert unit == "s"
assert np.allclose(seconds, t1_map / 1000, rtol=1e-6, equal_nan=True)
work.cleanup()
