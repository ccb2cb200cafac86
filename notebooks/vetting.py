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
# person, some are copies, some maps are in a wrong unit, and one scanner was out of control from
# June on. The policy is fixed first, then the set is vetted, then a person decides on what waits.
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
from qiqa.simulate.history_metrics import USUAL
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
# Site 1's scanner is the one that will drift: it gets the name that the phantom history has.

# %%
first = dataclasses.replace(plan.scanners[0], manufacturer="SIM", serial="01")
plan = dataclasses.replace(plan, scanners=(first, *plan.scanners[1:]))
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
# ## The phantom of site 1
#
# Two years of weekly exams. From the exam of 2 June 2025 on the SNR is eight standard deviations
# low.

# %%
metric = next(m for m in USUAL if m.name == "snr_nema_method1")
years = HistorySpec(scanners=1, start=dt.date(2024, 1, 1), weeks=104, metrics=(metric,))
lower = Fault(kind="step", name=metric.name, week=75, size=-8.0)
exams = simulate_series(years, (lower,), np.random.default_rng(6)).as_time_series()
with (here / "phantom.csv").open("w", encoding="utf-8", newline="") as file:
    table = csv.writer(file)
    table.writerow(["scanner", "name", "acquired_at", "value", "unit"])
    for at, value in zip(exams.at, exams.value, strict=True):
        table.writerow(["SIM 01", exams.name, str(at)[:19], f"{value:.4f}", exams.unit])

# %% [markdown]
# ## First the policy
#
# It has a limit, an action, an owner and a reason for each code. We take the default one in our
# name. Scanners without a phantom are no reason here: only one of four has a history.

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
status = run(words)
with (here / "vetted" / "manifest.csv").open(encoding="utf-8", newline="") as file:
    manifest = {row["series_uid"]: row for row in csv.DictReader(file)}
print(Counter(row["decision"] for row in manifest.values()))
assert status in (3, 4)

# %% [markdown]
# ## Was it right?
#
# For every planted fault, what was decided, and by which reasons. Series without a fault that are
# not kept are those of site 1 after June.

# %%
for kind in faults:
    print(kind)
    for one in plan.series:
        if any(fault.kind == kind for fault in one.faults):
            row = manifest[one.series_uid]
            print("   ", row["decision"], row["reasons"])

# %%
by_month: dict[str, Counter[str]] = {}
for one, day in zip(plan.series, days, strict=True):
    month = f"{dt.date(2025, 5, 1) + dt.timedelta(days=int(day)):%B}"
    if one.scanner == 0 and not one.faults and one.copy_of is None:
        codes = set(manifest[one.series_uid]["reasons"].split(";"))
        moved = bool(codes & {"scanner_moved", "scanner_out_of_control"})
        by_month.setdefault(month, Counter())["quarantined" if moved else "kept"] += 1
for month, counts in by_month.items():
    print(f"site 1, {month}: {dict(counts)}")
assert by_month["May"]["kept"] > by_month["May"]["quarantined"]
assert by_month["July"]["kept"] == 0

# %% [markdown]
# ## A person decides
#
# One of the quarantined series of site 1 is needed, and its SNR does not matter for the purpose.
# The decision is on record, the reasons of the policy stay beside it.

# %%
waiting = next(uid for uid, row in manifest.items() if row["decision"] == "quarantine")
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
