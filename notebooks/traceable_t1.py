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
# # A traceable T1
#
# A T1 is worth something when it can be traced: to which object, whose value, at which temperature,
# how sure. Here the NIST/ISMRM system phantom is scanned (simulated, so the truth is known), found
# in the images, mapped, and every sphere compared with the certificate of its batch.

# %%
import datetime as dt
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from qiqa.io.definitions import load_phantom, load_protocol
from qiqa.io.write_dicom import write_series
from qiqa.simulate.arrangement import simulate_arrangement, split_volumes
from qiqa.simulate.arrangement_spec import ArrangementSpec
from qiqa.workflows.weekly_qc import QcRequest, run_qc

phantom = load_phantom("nist_system")
work = tempfile.TemporaryDirectory(prefix="qiqa-")
folder = Path(work.name)

# %% [markdown]
# ## The scan
#
# The plate of T1 spheres is turned by 40° and lies 6 mm off center; the liquid has 21.3 °C. Unit
# 130-0200 belongs to the batch that NIST measured in 2020. A second plate is scanned too: one plate
# alone fits two ways of placing it, two together only one.

# %%
rng = np.random.default_rng(11)
study = ("2.25.20261", "2.25.20262")
common = {
    "serial": "130-0200",
    "temperature_degc": 21.3,
    "rotation_deg": (1.0, 40.0, -1.5),
    "translation_mm": (6.0, 3.0, -4.0),
    "fov_mm": 240.0,
    "snr": 120.0,
}
recovery = simulate_arrangement(phantom, ArrangementSpec(kind="ir", group="T1", **common), rng,
                                study=study)  # fmt: skip
echoes = simulate_arrangement(
    phantom, ArrangementSpec(kind="mse", group="T2", n_echoes=32, **common), rng, study=study
)
for number, series in enumerate(split_volumes(recovery.series, rng), start=1):
    write_series(series, folder / "scan" / f"ir{number:02d}", series_number=number)
write_series(echoes.series, folder / "scan" / "echoes", series_number=20)

# %% [markdown]
# ## From files to values
#
# This is what `qiqa qc scan --phantom-unit 130-0200 --temperature 21.3` does.

# %%
request = QcRequest(
    paths=(folder / "scan",),
    phantom=phantom,
    protocol=load_protocol("nist_system"),
    entries={"phantom_unit": "130-0200", "temperature": 21.3, "temperature_uncertainty": 0.2},
)
result = run_qc(request, now=dt.datetime.now(dt.UTC), user="notebook")
for series in result.series:
    if series.pose is not None:
        print(series.role, "| labels:", series.pose.labels, "|", "; ".join(series.pose.evidence))

# %% [markdown]
# ## The chain, sphere by sphere
#
# Reference: a straight line between the certified temperatures, with the certificate's uncertainty
# and what 0.2 °C do to it. A verdict is given only where value and reference together are known to
# a third of the limit.

# %%
found = [
    a for a in result.assessments
    if a.measurement.quantity == "t1" and (a.measurement.insert or "").startswith("T1-")
]  # fmt: skip
print("sphere   measured ± U     certified ± U   departure   verdict")
for item in found:
    m, r = item.measurement, item.measurement.reference
    if not m.measured or r is None:
        print(f"{m.insert:6}  {m.reason or 'no reference'}")
        continue
    half = (m.interval.high - m.interval.low) / 2
    certified = f"{r.value:8.2f} ± {2 * r.standard_uncertainty:5.2f}"
    departure = f"{100 * (m.value / r.value - 1):+5.1f} %"
    print(f"{m.insert:6} {m.value:8.2f} ± {half:5.2f}  {certified}   {departure}   {item.verdict}")

# %% [markdown]
# ## Where the uncertainty comes from
#
# The budget of one sphere; the largest line is what to buy down.

# %%
one = next(a.measurement for a in found if a.measurement.insert == "T1-3")
for line in (*one.budget, *one.reference_budget):
    print(f"{line.name:16} {line.standard_uncertainty:7.3f} ms  {line.note or ''}")
print(f"combined         {one.standard_uncertainty:7.3f} ms")

# %%
measured = [a.measurement for a in found if a.measurement.measured and a.measurement.reference]
x = [m.reference.value for m in measured]
y = [100 * (m.value / m.reference.value - 1) for m in measured]
u = [200 * np.hypot(m.standard_uncertainty, m.reference.standard_uncertainty) / m.reference.value
     for m in measured]  # fmt: skip
fig, ax = plt.subplots(figsize=(7, 3.5))
ax.errorbar(x, y, yerr=u, fmt="o", capsize=3)
ax.axhline(0, color="0.5", linewidth=1)
ax.set(xscale="log", xlabel="certified T1 [ms]", ylabel="departure [%]")
fig.tight_layout()

# %% [markdown]
# The truth of the simulation, for once: the certificate at 21.3 °C is what was put in, so
# departures should stay within their bars.

# %%
inside = sum(abs(d) <= bar for d, bar in zip(y, u, strict=True))
print(f"{inside} of {len(y)} within their 95 % bars")
assert inside >= len(y) - 2
work.cleanup()
