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
# # Weekly QC in Python
#
# Six weekly exams of one simulated scanner whose gradient along x slowly goes wrong: from DICOM
# files to verdicts, to a picture of where a value was measured, to its history. Everything is
# written to a temporary folder. The truth is known here, so each step is checked.

# %%
import datetime as dt
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt  # also makes the notebook show figures
import numpy as np

import qiqa
from qiqa.io.write_dicom import write_exam
from qiqa.report.figures import figure
from qiqa.report.html import write_html
from qiqa.simulate.acr_large import simulate_exam
from qiqa.simulate.spec import AcrSpec
from qiqa.store import open_store

work = tempfile.TemporaryDirectory(prefix="qiqa-")
folder = Path(work.name)
phantom = qiqa.load_phantom("acr_large")
protocol = qiqa.load_protocol("acr_large_2022")

# %% [markdown]
# ## Six weeks of exams
#
# Each week the scale along x grows by 0.35 %, the phantom is placed a little differently, and the
# noise is new. `truth` keeps what is true about each exam.

# %%
WEEKS = 6
SCALE_PERCENT_A_WEEK = 0.35
first = dt.datetime(2026, 1, 5, 7, 30)
rng = np.random.default_rng(20260105)
truth = []
for week in range(WEEKS):
    spec = AcrSpec(
        snr=120.0,
        shading_percent=4.0,
        gradient_error_percent=(SCALE_PERCENT_A_WEEK * week, 0.0, 0.0),
        rotation_deg=float(rng.normal(0, 0.8)),
        displacement_mm=float(rng.normal(0, 0.5)),
        acquired_at=first + dt.timedelta(weeks=week),
    )
    exam = simulate_exam(phantom, spec, rng)
    write_exam(exam.named, folder / f"week{week + 1}")
    truth.append(exam.truth)

# %% [markdown]
# ## What is in the folder?
#
# Headers only. All six exams are found apart, though they lie in one tree.

# %%
from qiqa.core.exam import group_exams

contents = qiqa.read(folder)
exams = group_exams(contents.headers)
for exam in exams:
    print(exam.label)
assert len(exams) == WEEKS
assert not contents.findings

# %% [markdown]
# ## Measure, judge, keep


# %%
def judge(week: int):
    """Run the QC of one week; what a person read by eye is entered."""
    request = qiqa.QcRequest(
        paths=(folder / f"week{week + 1}",),
        phantom=phantom,
        protocol=protocol,
        entries={
            "phantom_unit": "SIM-1",
            "high_contrast_resolution_lr": 1.0,
            "high_contrast_resolution_ap": 1.0,
            "low_contrast_spokes": 38,
        },
    )
    return qiqa.run_qc(request, now=dt.datetime.now(dt.UTC), user="notebook")


results = [judge(week) for week in range(WEEKS)]
with open_store(str(folder / "history.db")) as store:
    for result in results:
        store.save(result, user="notebook", now=dt.datetime.now(dt.UTC))

for result in results:
    print(f"{result.acquired_at:%Y-%m-%d}  {result.verdict}")

# %% [markdown]
# The last exam as a table. `table_rows` gives the texts that the terminal and the page show.

# %%
from qiqa.report.table import table_rows

for row in table_rows(results[-1]):
    name = f"{row.title} ({row.series})"
    print(f"{name:40} {row.quantity:24} {row.limits_text:36} {row.verdict_text}")

# %% [markdown]
# The values are right: each diameter lies within its 95 % interval of the truth, give or take what
# chance allows, and the verdict turns when the truth leaves the limit of 190 ± 3 mm.

# %%
name = "diameter_slice5_lr"
measured = [next(a for a in result.assessments if a.measurement.name == name) for result in results]
for found, true in zip(measured, truth, strict=True):
    m = found.measurement
    print(
        f"{m.value:8.3f} mm  u {m.standard_uncertainty:.3f}  truth {true.diameter_lr_mm:8.3f} mm"
        f"  {found.verdict}"
    )
    assert abs(m.value - true.diameter_lr_mm) < 4 * m.standard_uncertainty
verdicts = [str(found.verdict) for found in measured]
assert verdicts == ["pass"] * 5 + ["action"]
assert truth[-2].diameter_lr_mm < 193 < truth[-1].diameter_lr_mm

# %% [markdown]
# ## Where it was measured

# %%
evidence = next(e for e in results[-1].evidence if name in e.measurements)
picture = figure(evidence)
assert picture.axes, "a figure without an image"
picture

# %% [markdown]
# ## Its history
#
# Values with one series key share a chart. The scale of the gradient comes back as a slope.

# %%
with open_store(str(folder / "history.db"), create=False) as store:
    history = store.history(name=name)
    altered = store.verify()
assert len(history) == WEEKS
assert len(set(history.series_key)) == 1
assert altered == ()

weeks = (history.acquired_at - history.acquired_at[0]) / np.timedelta64(7, "D")
slope, start = np.polyfit(weeks, history.value, 1)
expected = 190.0 * SCALE_PERCENT_A_WEEK / 100
print(f"{slope:.3f} mm a week; simulated {expected:.3f} mm a week")
assert abs(slope - expected) < 0.05

# %%
chart, axes = plt.subplots(figsize=(6, 3), layout="constrained")
axes.errorbar(history.acquired_at, history.value, 2 * history.standard_uncertainty, fmt="o-")
axes.axhline(193, color="tab:red", linestyle="--", label="limit")
axes.plot(history.acquired_at, [t.diameter_lr_mm for t in truth], "k:", label="truth")
axes.set_ylabel("diameter, left-right [mm]")
axes.tick_params(axis="x", rotation=30)
axes.legend()
plt.show()

# %% [markdown]
# ## The page of the last exam
#
# The same file that `qiqa qc` writes.

# %%
page = write_html(results[-1], folder / "report.html")
print(page.name, page.stat().st_size // 1024, "kB")
assert "Action needed" in page.read_text(encoding="utf-8")
print("python", sys.version.split()[0], "qiqa", qiqa.__version__)
work.cleanup()
