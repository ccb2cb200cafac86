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
# # May we train on this?
#
# A made-up set of four sites, so that the truth is known: some series are incomplete, some name a
# person, some are copies, some maps are in a wrong unit, and two scanners changed in June: one lost
# signal, which nothing puts right, the other reads ADC too low, which a phantom's calibration does.
# The policy is fixed first, then the set is vetted, then a person decides on what waits.
# Everything is written to a temporary folder; it needs no data.

# %%
import base64
import csv
import dataclasses
import datetime as dt
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
from IPython.display import IFrame

from qiqa.cli.app import run
from qiqa.io.write_training_set import write_planned_series
from qiqa.simulate.history import simulate_series
from qiqa.simulate.history_metrics import ALL, USUAL
from qiqa.simulate.history_spec import Fault, HistorySpec
from qiqa.simulate.training_set import TrainingSetSpec, image_of, plan_training_set

here = Path(tempfile.mkdtemp())
faults = {"slices_missing": 0.03, "identity": 0.03, "copy_flipped": 0.03, "map_unit": 0.03}
spec = TrainingSetSpec(
    sites=4, people_a_site=12, slices=6, matrix=64, faults=faults, several=0.0, seed=7
)
plan = plan_training_set(spec)

# %% [markdown]
# ## The set
#
# The scanners of site 1 and 2 get the names that the phantom history has.

# %%
named = [
    dataclasses.replace(scanner, manufacturer="SIM", serial=f"{number:02d}")
    for number, scanner in enumerate(plan.scanners[:2], 1)
]
plan = dataclasses.replace(plan, scanners=(*named, *plan.scanners[2:]))
days = np.random.default_rng(1).integers(0, 90, len(plan.series))
for one, day in zip(plan.series, days, strict=True):
    date = dt.date(2025, 5, 1) + dt.timedelta(days=int(day))
    dated = dataclasses.replace(one, date=date)
    write_planned_series(here / "images", dated, plan.scanners[one.scanner], image_of(plan, dated))
with (here / "subjects.csv").open("w", encoding="utf-8", newline="") as file:
    table = csv.writer(file)
    table.writerow(["series_uid", "label", "split"])
    table.writerows((one.series_uid, one.label, one.split) for one in plan.series)
print(f"{len(plan.series)} series, {sum(1 for one in plan.series if one.faults)} with a fault")

# %% [markdown]
# ## The phantoms of sites 1 and 2
#
# Two years of weekly exams. From the exam of 2 June 2025 on the SNR of site 1 is eight standard
# deviations low, and site 2 reads ADC 8 % low in all inserts, which have certified values.

# %%
inserts = ("PVP0-center", "PVP10-inner", "PVP20-inner", "PVP30-inner", "PVP40-inner")
snr = [m for m in USUAL if m.name == "snr_nema_method1"]
adc = [m for m in ALL if m.name == "adc" and m.insert in inserts]
rows = []
for scanner, metrics, size in (("SIM 01", snr, -8.0), ("SIM 02", adc, -10.0)):
    days_of_exams = None
    for metric in metrics:
        years = HistorySpec(scanners=1, start=dt.date(2024, 1, 1), weeks=104, metrics=(metric,))
        lower = Fault(kind="step", name=metric.name, week=75, size=size)
        exams = simulate_series(years, (lower,), np.random.default_rng([6, len(rows)]))
        # all inserts of a week are of one exam
        days_of_exams = exams.at if days_of_exams is None else days_of_exams
        # water's diffusion grows with temperature, and so does the certified value
        true = metric.level + metric.per_degc * (exams.temperature_degc - 21.0)
        rows += [
            [scanner, metric.name, metric.insert, str(at)[:19], value, metric.unit, warm,
             certified if metric.name == "adc" else "", 0.0]
            for at, value, warm, certified in zip(
                days_of_exams, exams.value, exams.temperature_degc, true, strict=True)
        ]  # fmt: skip
with (here / "phantom.csv").open("w", encoding="utf-8", newline="") as file:
    table = csv.writer(file)
    table.writerow(["scanner", "name", "insert", "acquired_at", "value", "unit",
                    "temperature_degc", "reference_value", "distance_mm"])  # fmt: skip
    table.writerows(rows)

# %% [markdown]
# What puts site 2 right is a calibration: one before June, one since. It holds for the days around
# its exams, and nothing but ADC.

# %%
words = ["harmonize", "calibrate", "--table", str(here / "phantom.csv"), "--name", "adc"]
run([*words, "-o", str(here / "calibration.json")])

# %% [markdown]
# ## First the policy
#
# It has a limit, an action, an owner and a reason for each code. We take the default one in our
# name. Scanners without a phantom are no reason here: only two of four have a history.

# %%
policy = here / "policy.toml"
run(["vet", "policy", "--owner", "A. Nyman", "--purpose", "a notebook", "-o", str(policy)])
text = policy.read_text(encoding="utf-8")
start = text.index("[rules.scanner_without_phantom]")
text = text[:start] + text[start:].replace('action = "quarantine"', 'action = "keep"', 1)
policy.write_text(text, encoding="utf-8")
print(text[:800])

# %% [markdown]
# ## Then the set

# %%
words = ["vet", str(here / "images"), "-o", str(here / "vetted"), "--policy", str(policy)]
words += ["--table", str(here / "subjects.csv"), "--history", str(here / "phantom.csv")]
words += ["--calibration", str(here / "calibration.json")]
status = run(words)
with (here / "vetted" / "manifest.csv").open(encoding="utf-8", newline="") as file:
    manifest = {row["series_uid"]: row for row in csv.DictReader(file)}
print(Counter(row["decision"] for row in manifest.values()))
assert status in (3, 4)

# %% [markdown]
# ## Was it right?
#
# For every planted fault, what was decided, and by which reasons. Series without a fault that are
# not kept are those of sites 1 and 2 after June.

# %%
for kind in faults:
    print(kind)
    for one in plan.series:
        if any(fault.kind == kind for fault in one.faults):
            row = manifest[one.series_uid]
            print("   ", row["decision"], row["reasons"])

# %%
lineage = {"scanner_moved", "scanner_out_of_control", "scanner_biased"}
by_month: dict[tuple[int, str], Counter[str]] = {}
for one, day in zip(plan.series, days, strict=True):
    month = f"{dt.date(2025, 5, 1) + dt.timedelta(days=int(day)):%B}"
    if one.scanner < 2 and not one.faults and one.copy_of is None:
        row = manifest[one.series_uid]
        told = row["decision"] if lineage & set(row["reasons"].split(";")) else "kept"
        by_month.setdefault((one.scanner + 1, month), Counter())[told] += 1
for (site, month), counts in sorted(by_month.items()):
    print(f"site {site}, {month}: {dict(counts)}")
for site, action in ((1, "quarantine"), (2, "correct")):
    assert by_month[site, "May"]["kept"] > by_month[site, "May"].total() / 2
    assert by_month[site, "July"][action] > 0
    assert by_month[site, "July"]["kept"] == 0

# %% [markdown]
# The manifest says for each series of site 2 what puts it right, by how much, and how well it is
# known then. `qiqa harmonize apply` does it, to maps and to tables of values.

# %%
correction = next(row["correction"] for row in manifest.values() if "adc" in row["correction"])
print(correction)

# %% [markdown]
# ## A person decides
#
# One of the quarantined series of site 1 is needed, and its SNR does not matter for the purpose.
# The decision is on record, the reasons of the policy stay beside it.

# %%
waiting = next(
    uid
    for uid, row in manifest.items()
    if row["decision"] == "quarantine" and row["reasons"] == "scanner_moved"
)
run(
    [
        "vet", "review", str(here / "vetted"), "--series", waiting, "--action", "keep",
        "--who", "A. Nyman", "--reason", "signal to noise is enough for this purpose",
    ]
)  # fmt: skip
print((here / "vetted" / "overrides.jsonl").read_text(encoding="utf-8"))

# %% [markdown]
# ## The card
#
# What an auditor opens: the set as a whole, every rule with what it found, pictures, what was not
# checked, who decided what.

# %%
page = base64.b64encode((here / "vetted" / "card.html").read_bytes()).decode()
IFrame(f"data:text/html;base64,{page}", width="100%", height=900)
