"""Features of many subjects from many scanners: what is harmonized and vetted."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

__all__ = ["HARMONIZATION_SCHEMA", "FeatureTable"]

HARMONIZATION_SCHEMA = "qiqa.harmonization/1"

FloatArray = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FeatureTable:
    """One row a scan, one column a feature; n rows, p features."""

    features: tuple[str, ...]
    """p names."""
    values: FloatArray
    """(n, p); NaN where a scan has no value of a feature."""
    batch: NDArray[np.str_]
    """(n,) what the values may differ by without anything being different: scanner, site."""
    row: NDArray[np.str_]
    """(n,) name of each row, for a person to find it."""
    subject: NDArray[np.str_]
    """(n,) the same text is the same person or phantom; equal to `row` where not stated."""
    covariates: Mapping[str, FloatArray | NDArray[np.str_]] = dataclasses.field(
        default_factory=dict
    )
    """Name -> (n,) numbers (NaN unknown) or texts ("" unknown); only what was asked to be kept."""
    batch_name: str = "batch"

    def __len__(self) -> int:
        return len(self.batch)

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> FeatureTable:
        """Return some of the rows, in the order given."""
        return dataclasses.replace(
            self,
            values=self.values[rows],
            batch=self.batch[rows],
            row=self.row[rows],
            subject=self.subject[rows],
            covariates={name: column[rows] for name, column in self.covariates.items()},
        )
