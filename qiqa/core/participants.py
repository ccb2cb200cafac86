"""Values of a trial's participants: who, when, on which scanner, what, how sure."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from qiqa.core.errors import UsageError
from qiqa.core.features import FeatureTable

__all__ = ["ParticipantValues"]

FloatArray = NDArray[np.float64]
TextArray = NDArray[np.str_]

_TEXTS = ("participant", "arm", "scanner", "site", "vendor", "epoch")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ParticipantValues:
    """Values of one or several quantities at the participants' visits; n of them.

    Arrays have the length n. Text that is not known is empty, a number NaN.

    Raises
    ------
    ValueError
        If columns differ in length.
    """

    participant: TextArray
    """The same text is the same person."""
    visit: NDArray[np.int64]
    """Of the trial's schedule, from 1: before treatment."""
    arm: TextArray
    scanner: TextArray
    site: TextArray
    vendor: TextArray
    epoch: TextArray
    """Changes whenever a setting of the scanner changes that may change the number."""
    row: TextArray
    """Name of each scan, for a person to find it; the same for all quantities of a scan."""
    at: NDArray[np.datetime64]
    name: TextArray
    """What was measured where."""
    quantity: TextArray
    unit: TextArray
    """Of value, uncertainty and true value."""
    value: FloatArray
    """NaN where nothing could be measured."""
    standard_uncertainty: FloatArray
    true_value: FloatArray
    """What a scanner without bias and noise would have found; NaN outside simulations."""
    position_mm: FloatArray
    """(n, 3) where it was measured: x to the left, y to posterior, z to superior of isocenter."""
    covariates: Mapping[str, FloatArray | TextArray] = dataclasses.field(default_factory=dict)
    """Name -> (n,) numbers or texts of the person: age, subtype."""

    def __post_init__(self) -> None:
        lengths = {name: len(column) for name, column in self._columns().items()}
        lengths |= {name: len(column) for name, column in self.covariates.items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"columns differ in length: {lengths}")
        if self.position_mm.shape != (len(self), 3):
            raise ValueError(f"position_mm is {self.position_mm.shape}, not ({len(self)}, 3)")

    def __len__(self) -> int:
        return len(self.value)

    def _columns(self) -> dict[str, NDArray[Any]]:
        fields = (field.name for field in dataclasses.fields(self) if field.name != "covariates")
        return {name: getattr(self, name) for name in fields}

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> ParticipantValues:
        """Return some of the values, in the order given."""
        return dataclasses.replace(
            self,
            **{name: column[rows] for name, column in self._columns().items()},
            covariates={name: column[rows] for name, column in self.covariates.items()},
        )

    def feature_table(
        self,
        *,
        batch: str = "scanner",
        covariates: Sequence[str] = (),
        of: Literal["value", "true_value"] = "value",
    ) -> FeatureTable:
        """Return one row a scan and one column a name, in the order in which they first come.

        Parameters
        ----------
        batch
            One of participant, arm, scanner, site, vendor, epoch.
        covariates
            What is to be kept: names of `covariates`, or arm, visit, vendor, site.
        of
            Which numbers: as measured, or the true ones of a simulation.

        Raises
        ------
        UsageError
            If a name is not there, or a scan has two values of one name.
        """
        if batch not in _TEXTS:
            hint = f"there is: {', '.join(_TEXTS)}"
            raise UsageError(f"{batch!r} is no column of batches", where="batch", hint=hint)
        rows, first, scan = _in_order(self.row)
        names, _, feature = _in_order(self.name)
        self._refuse_doubles(scan, feature, len(names))
        values = np.full((len(rows), len(names)), np.nan)
        values[scan, feature] = getattr(self, of)
        return FeatureTable(
            features=tuple(names.tolist()),
            values=values,
            batch=getattr(self, batch)[first],
            row=rows,
            subject=self.participant[first],
            covariates={name: self._covariate(name)[first] for name in covariates},
            batch_name=batch,
        )

    def _covariate(self, name: str) -> FloatArray | TextArray:
        if name in self.covariates:
            return self.covariates[name]
        if name == "visit":
            return self.visit.astype(np.float64)
        if name not in _TEXTS:
            known = ", ".join((*self.covariates, "visit", *_TEXTS))
            raise UsageError(
                f"{name!r} is no covariate", where="covariates", hint=f"there is: {known}"
            )
        column: TextArray = getattr(self, name)
        return column

    def _refuse_doubles(
        self, scan: NDArray[np.intp], feature: NDArray[np.intp], names: int
    ) -> None:
        cell, count = np.unique(scan * names + feature, return_counts=True)
        if (count > 1).any():
            where = int(np.flatnonzero(scan * names + feature == cell[count > 1][0])[1])
            raise UsageError(
                f"{str(self.row[where])!r} has two values of {str(self.name[where])!r}",
                where="row",
                hint="give each scan a row name of its own, or take one of the values",
            )


def _in_order(texts: TextArray) -> tuple[TextArray, NDArray[np.intp], NDArray[np.intp]]:
    """Return distinct texts as they first come, where that is, and each text's place among them."""
    _, first, inverse = np.unique(texts, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return texts[first[order]], first[order], rank[inverse]
