"""Fit one data set with one other program; runs in the environment that holds it.

    python _peers_run.py DATA.npz OUT.npz PEER SECONDS

DATA holds `signal` (voxels, n) float64, `values`, `tr_ms`, `directions`, `b1`. OUT gets `found`
(voxels fitted,) in ms, mm²/s or 1, `seconds`, `version`. Imports numpy and the one program only.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import sys
import tempfile
import time
import types
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Fit = Callable[[Any], Any]
"""Signals (voxels, n) -> estimates (voxels,)."""


def _dipy(method: str) -> Callable[[dict[str, Any]], Fit]:
    def make(d: dict[str, Any]) -> Fit:
        from dipy.core.gradients import gradient_table
        from dipy.reconst.dti import TensorModel

        table = gradient_table(d["values"], bvecs=d["directions"])
        model = TensorModel(table, fit_method=method)
        return lambda s: model.fit(s).md

    return make


def _qmri_adc(method: str) -> Callable[[dict[str, Any]], Fit]:
    def make(d: dict[str, Any]) -> Fit:
        from qmri.diffusion import adc

        return lambda s: adc.fit(s[:, None, None, :], d["values"], method=method).adc.ravel()

    return make


def _qmri_ir(d: dict[str, Any]) -> Fit:
    from qmri.relaxometry import t1

    ti, tr = d["values"] / 1000, d["tr_ms"] / 1000
    return lambda s: 1000 * t1.fit_ir(s, ti, tr).t1


def _qmri_vtr(d: dict[str, Any]) -> Fit:
    from qmri.relaxometry import t1

    return lambda s: 1000 * t1.fit_vtr(s, d["values"] / 1000).t1


def _qmri_t2(model: str) -> Callable[[dict[str, Any]], Fit]:
    def make(d: dict[str, Any]) -> Fit:
        from qmri.relaxometry import t2

        # the first echo is skipped only for stimulated echoes, which the data do not have
        return lambda s: 1000 * t2.fit(s, d["values"] / 1000, model=model, skip_echoes=0).t2

    return make


def _qmrpy(kind: str) -> Callable[[dict[str, Any]], Fit]:
    def make(d: dict[str, Any]) -> Fit:
        from qmrpy.models import b1, t1, t2, t2star

        x = d["values"]
        if kind == "ir":
            return lambda s: _pick(t1.T1InversionRecovery(x).fit_image(s), "t1_ms")
        if kind == "vfa":
            return lambda s: _pick(t1.T1VFA(x, float(d["tr_ms"])).fit_image(s), "t1_ms")
        if kind == "b1":
            return lambda s: _pick(b1.B1DAM(float(x[0])).fit_image(s), "b1_raw")
        if kind == "t2star":
            return lambda s: _pick(t2star.T2StarMonoR2(x).fit_image(s), "t2star_ms")
        offset = kind == "t2_offset"
        return lambda s: _pick(t2.T2Mono(x).fit_image(s, offset_term=offset), "t2_ms")

    return make


def _pick(maps: dict[str, Any], name: str) -> Any:
    """Return one map; the program nests some of its results."""
    if name in maps:
        return maps[name]
    inner = next(v for v in maps.values() if isinstance(v, dict) and name in v)
    return inner[name]


def _ukat(kind: str) -> Callable[[dict[str, Any]], Fit]:
    def make(d: dict[str, Any]) -> Fit:
        # its __init__ also loads a kidney segmentation with a neural network: only the mapping
        spec = importlib.util.find_spec("ukat")
        package = types.ModuleType("ukat")
        package.__path__ = list(spec.submodule_search_locations or []) if spec else []
        sys.modules["ukat"] = package
        from ukat.mapping import diffusion, t1, t2, t2star

        x, affine = d["values"], np.eye(4)
        volume = lambda s: s[:, None, None, :]  # noqa: E731
        if kind == "adc":
            return lambda s: diffusion.ADC(volume(s), affine, x).adc
        if kind == "ir":
            # signals are normalized by the largest voxel; three parameters, as its docs advise
            return lambda s: t1.T1(volume(s), x, affine, parameters=3, multithread=False).t1_map
        if kind in ("t2star_loglin", "t2star_2p_exp"):
            method = kind.removeprefix("t2star_")
            return lambda s: (
                t2star.T2Star(volume(s), x, affine, method=method, multithread=False).t2star_map
            )
        return lambda s: t2.T2(volume(s), x, affine, method=kind, multithread=False).t2_map

    return make


def _sepal(kind: str) -> Callable[[dict[str, Any]], Fit]:
    def make(d: dict[str, Any]) -> Fit:
        from sepal import t1_fit, t2star_fit

        x = d["values"]
        args: tuple[Any, ...] | None = None
        if kind in ("VFALinear", "VFANonLinear"):
            fitter, name = getattr(t1_fit, kind)(x, float(d["tr_ms"]) / 1000), "t1"
            if d["b1"].size:
                args = (d["b1"],)
        elif kind == "IRSE":
            fitter, name = t1_fit.IRSE(float(d["tr_ms"]) / 1000, x / 1000), "t1"
        else:
            fitter, name = getattr(t2star_fit, kind)(x / 1000), "t2s"
        index = [key for key, _ in fitter.output_info()].index(name)

        def fit(s: Any) -> Any:
            extra = None if args is None else tuple(a[: len(s)] for a in args)
            return 1000 * fitter.proc_image(s, arg_images=extra, dir=None)[index]

        return fit

    return make


def _lavlab(d: dict[str, Any]) -> Fit:
    import dwi_to_adc
    import nibabel as nib

    def fit(s: Any) -> Any:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            # a side of a NIfTI volume has at most 32767 voxels: rows of 256, the last one padded
            padded = np.pad(s, ((0, -len(s) % 256), (0, 0)), mode="edge")
            volume = padded.astype(np.float32).reshape(-1, 256, 1, s.shape[1])
            nib.save(nib.Nifti1Image(volume, np.eye(4)), folder / "dwi.nii")
            text = " ".join(f"{b:g}" for b in d["values"])
            (folder / "dwi.bval").write_text(text + "\n", encoding="utf-8")
            started = time.perf_counter()
            dwi_to_adc.convert(
                str(folder / "dwi.nii"), str(folder / "adc.nii"), "nifti", str(folder / "dwi.bval")
            )
            fit.seconds = time.perf_counter() - started  # type: ignore[attr-defined]
            found = np.asarray(nib.load(folder / "adc.nii").dataobj, dtype=np.float64)
            return found.reshape(-1)[: len(s)]

    return fit


PEERS: dict[str, tuple[str, Callable[[dict[str, Any]], Fit]]] = {
    **{f"dipy {m}": ("dipy", _dipy(m)) for m in ("OLS", "WLS", "NLLS")},
    **{f"qmri {m}": ("qmri", _qmri_adc(m)) for m in ("lls", "wlls", "iwlls")},
    "qmri fit_ir": ("qmri", _qmri_ir),
    "qmri fit_vtr": ("qmri", _qmri_vtr),
    "qmri t2 reduced": ("qmri", _qmri_t2("reduced")),
    "qmri t2 full": ("qmri", _qmri_t2("full")),
    "qmrpy T1InversionRecovery": ("qmrpy", _qmrpy("ir")),
    "qmrpy T1VFA": ("qmrpy", _qmrpy("vfa")),
    "qmrpy T2Mono": ("qmrpy", _qmrpy("t2")),
    "qmrpy T2Mono offset": ("qmrpy", _qmrpy("t2_offset")),
    "qmrpy T2StarMonoR2": ("qmrpy", _qmrpy("t2star")),
    "qmrpy B1DAM": ("qmrpy", _qmrpy("b1")),
    "ukat ADC": ("ukat", _ukat("adc")),
    "ukat T1 3p": ("ukat", _ukat("ir")),
    "ukat T2 2p_exp": ("ukat", _ukat("2p_exp")),
    "ukat T2 3p_exp": ("ukat", _ukat("3p_exp")),
    "ukat T2Star loglin": ("ukat", _ukat("t2star_loglin")),
    "ukat T2Star 2p_exp": ("ukat", _ukat("t2star_2p_exp")),
    "sepal IRSE": ("sepal", _sepal("IRSE")),
    "sepal VFALinear": ("sepal", _sepal("VFALinear")),
    "sepal VFANonLinear": ("sepal", _sepal("VFANonLinear")),
    "sepal MultiEchoT2sLinear": ("sepal", _sepal("MultiEchoT2sLinear")),
    "sepal MultiEchoT2sNonLinear": ("sepal", _sepal("MultiEchoT2sNonLinear")),
    "lavlab-adc convert (files)": ("lavlab-adc", _lavlab),
}
"""Name in the table -> distribution, and what makes the fit."""

BY_CASE: dict[str, tuple[str, ...]] = {
    "adc_log_linear": ("qmri lls", "ukat ADC", "lavlab-adc convert (files)"),
    "adc_weighted": ("qmri wlls", "qmri iwlls"),
    "diffusion_tensor": ("dipy OLS", "dipy WLS", "dipy NLLS"),
    "t1_inversion_recovery": (
        "qmri fit_ir",
        "qmrpy T1InversionRecovery",
        "ukat T1 3p",
        "sepal IRSE",
    ),
    "t1_saturation_recovery": ("qmri fit_vtr",),
    "t1_vfa": ("qmrpy T1VFA", "sepal VFALinear", "sepal VFANonLinear"),
    "t1_vfa_b1": ("sepal VFALinear", "sepal VFANonLinear"),
    "t2": ("qmri t2 reduced", "qmrpy T2Mono", "ukat T2 2p_exp"),
    "t2_offset": ("qmri t2 full", "qmrpy T2Mono offset", "ukat T2 3p_exp"),
    "t2star": (
        "qmrpy T2StarMonoR2",
        "ukat T2Star loglin",
        "ukat T2Star 2p_exp",
        "sepal MultiEchoT2sLinear",
        "sepal MultiEchoT2sNonLinear",
    ),
    "b1_double_angle": ("qmrpy B1DAM",),
}


def adaptive(fit: Fit, signal: Any, seconds: float) -> tuple[Any, float]:
    """Fit as many voxels as take about `seconds`; the trials before it warm it up."""
    count = min(20, len(signal))
    while True:
        started = time.perf_counter()
        found = fit(signal[:count])
        took = getattr(fit, "seconds", None) or time.perf_counter() - started
        if count == len(signal) or took > 0.5 * seconds:
            return np.asarray(found).ravel(), took
        count = min(len(signal), max(count + 1, int(count * min(20, 0.9 * seconds / took))))


def main() -> int:
    """Run one fit."""
    source, target, name, seconds = sys.argv[1:]
    package, make = PEERS[name]
    warnings.simplefilter("ignore")
    with np.load(source) as held:
        data = dict(held)
    with np.errstate(all="ignore"):
        found, took = adaptive(make(data), data["signal"], float(seconds))
    np.savez(target, found=found, seconds=took, version=importlib.metadata.version(package))
    return 0


if __name__ == "__main__":
    sys.exit(main())
