"""Run one program's ComBat once in a process of its own: FILE PROGRAM, prints JSON.

FILE is an .npz with values (n, p), batch (n,), age (n,), sex (n,), subject (n,) and visit (n,).
The import of the program and a run on a small part come before the clock starts.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import io
import json
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

Held = dict[str, np.ndarray]


def qiqa_parametric(held: Held) -> np.ndarray:
    """Return the values corrected by this package."""
    return _qiqa(held)


def qiqa_nonparametric(held: Held) -> np.ndarray:
    """Return the values corrected by this package, nonparametric."""
    return _qiqa(held, by="nonparametric")


def qiqa_curve(held: Held) -> np.ndarray:
    """Return the values corrected by this package, age as a curve."""
    return _qiqa(held, smooth=["age"])


def qiqa_covbat(held: Held) -> np.ndarray:
    """Return the values corrected by this package, components as well."""
    from qiqa.harmonize.combat import apply
    from qiqa.harmonize.combat.covbat import fit_covbat

    table = _table(held)
    return apply(fit_covbat(table), table)[0].values


def qiqa_longitudinal(held: Held) -> np.ndarray:
    """Return the values corrected by this package, subjects' own levels kept."""
    from qiqa.harmonize.combat import apply
    from qiqa.harmonize.combat.longitudinal import fit_longitudinal

    table = _table(held)
    return apply(fit_longitudinal(table, as_published=True), table)[0].values


def _table(held: Held) -> Any:
    from qiqa.core.features import FeatureTable

    return FeatureTable(
        features=tuple(f"f{j}" for j in range(held["values"].shape[1])),
        values=held["values"],
        batch=held["batch"].astype(str),
        row=np.arange(len(held["batch"])).astype(str),
        subject=held["subject"].astype(str),
        covariates={"age": held["age"], "sex": held["sex"].astype(str)},
    )


def _qiqa(held: Held, **settings: Any) -> np.ndarray:
    from qiqa.harmonize.combat import apply, fit

    table = _table(held)
    return apply(fit(table, **settings), table)[0].values


def _covars(held: Held, batch: str) -> Any:
    import pandas as pd

    # neuroHarmonize takes numbers alone
    sex = (held["sex"] == held["sex"][0]).astype(float)
    return pd.DataFrame({batch: held["batch"], "age": held["age"], "sex": sex})


def _neurocombat(held: Held, **settings: Any) -> np.ndarray:
    from neuroCombat import neuroCombat

    found = neuroCombat(
        dat=held["values"].T,
        covars=_covars(held, "batch"),
        batch_col="batch",
        categorical_cols=["sex"],
        continuous_cols=["age"],
        **settings,
    )
    return found["data"].T


def neurocombat(held: Held) -> np.ndarray:
    """Return the values corrected by neuroCombat."""
    return _neurocombat(held)


def neurocombat_nonparametric(held: Held) -> np.ndarray:
    """Return the values corrected by neuroCombat, nonparametric."""
    return _neurocombat(held, parametric=False)


def neuroharmonize(held: Held) -> np.ndarray:
    """Return the values corrected by neuroHarmonize."""
    from neuroHarmonize import harmonizationLearn

    return harmonizationLearn(held["values"], _covars(held, "SITE"))[1]


def neuroharmonize_curve(held: Held) -> np.ndarray:
    """Return the values corrected by neuroHarmonize, age as a curve."""
    from neuroHarmonize import harmonizationLearn

    covars = _covars(held, "SITE").rename(columns={"age": "AGE"})
    return harmonizationLearn(held["values"], covars, smooth_terms=["AGE"])[1]


def _combatlearn(held: Held, **settings: Any) -> np.ndarray:
    import pandas as pd
    from combatlearn import ComBat

    values = pd.DataFrame(held["values"])
    step = ComBat(
        batch=pd.Series(held["batch"]),
        discrete_covariates=pd.DataFrame({"sex": held["sex"]}),
        continuous_covariates=pd.DataFrame({"age": held["age"]}),
        **settings,
    )
    return np.asarray(step.fit_transform(values))


def combatlearn(held: Held) -> np.ndarray:
    """Return the values corrected by combatlearn."""
    return _combatlearn(held, method="fortin")


def combatlearn_covbat(held: Held) -> np.ndarray:
    """Return the values corrected by combatlearn, components as well."""
    return _combatlearn(held, method="chen")


def inmoose(held: Held) -> np.ndarray:
    """Return the values corrected by inmoose; it takes sex alone as covariate."""
    import pandas as pd
    from inmoose.pycombat import pycombat_norm

    frame = pd.DataFrame({"sex": held["sex"]})
    values = pd.DataFrame(held["values"].T)
    return np.asarray(pycombat_norm(values, list(held["batch"]), covar_mod=frame)).T


def pycombat(held: Held) -> np.ndarray:
    """Return the values corrected by pycombat."""
    from pycombat import Combat

    kept = np.stack([held["age"], held["sex"] == held["sex"][0]], axis=1).astype(float)
    step = Combat()
    return step.fit_transform(Y=held["values"], b=held["batch"], X=kept, C=None)


def longcombat(held: Held) -> np.ndarray:
    """Return the values corrected by longcombat-py."""
    import pandas as pd
    from longcombat import long_combat

    names = [f"f{j}" for j in range(held["values"].shape[1])]
    frame = pd.DataFrame(held["values"], columns=names)
    for name in ("subject", "visit", "batch", "age", "sex"):
        frame[name] = held[name]
    found = long_combat(
        frame, "batch", "subject", "visit", names, "age + sex", "(1|subject)", verbose=False
    )
    return np.asarray(found.data_combat[[f"{name}.combat" for name in names]])


PROGRAMS: dict[str, tuple[str, Callable[[Held], np.ndarray]]] = {
    "qiqa": ("qiqa", qiqa_parametric),
    "qiqa nonparametric": ("qiqa", qiqa_nonparametric),
    "qiqa curve": ("qiqa", qiqa_curve),
    "qiqa CovBat": ("qiqa", qiqa_covbat),
    "qiqa longitudinal": ("qiqa", qiqa_longitudinal),
    "neuroCombat": ("neuroCombat", neurocombat),
    "neuroCombat nonparametric": ("neuroCombat", neurocombat_nonparametric),
    "neuroHarmonize": ("neuroHarmonize", neuroharmonize),
    "neuroHarmonize curve": ("neuroHarmonize", neuroharmonize_curve),
    "combatlearn": ("combatlearn", combatlearn),
    "combatlearn CovBat": ("combatlearn", combatlearn_covbat),
    "inmoose": ("inmoose", inmoose),
    "pycombat": ("pycombat", pycombat),
    "longcombat-py": ("longcombat-py", longcombat),
}
"""Name -> distribution, and the function that runs it."""


def main() -> None:
    """Time one program."""
    path, name = sys.argv[1:3]
    package, run = PROGRAMS[name]
    with np.load(path) as file:
        held = {key: file[key] for key in file.files}
    with contextlib.redirect_stdout(io.StringIO()):
        run({key: column[:200, :12] if key == "values" else column[:200]
             for key, column in held.items()})  # fmt: skip
        took: list[float] = []
        busy: list[float] = []
        while len(took) < 5 and sum(took) < 10:
            began, used = time.perf_counter(), time.process_time()
            found = run(held)
            took.append(time.perf_counter() - began)
            busy.append(time.process_time() - used)
    np.savez(f"{path}.{name.replace(' ', '_')}.npz", found=found[:, :200])
    try:
        version = importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        version = "source"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    row = {"seconds": min(took), "busy": min(busy), "runs": len(took), "peak_mb": peak}
    print(json.dumps({**row, "version": version}))


if __name__ == "__main__":
    main()
