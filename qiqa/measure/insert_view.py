"""A located arrangement with a fitted map, as measurements of its inserts see it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from qiqa.core.arrangement import Arrangement, Group
from qiqa.core.maps import ParameterMaps
from qiqa.core.pose import InsertPosition
from qiqa.measure.insert_fit import InsertFit
from qiqa.measure.view import View

__all__ = ["Conditions", "InsertView"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What a certified value depends on."""

    serial: str | None = None
    """Serial number of the phantom."""
    temperature_degc: float | None = None
    temperature_uncertainty_degc: float = 0.0
    """Standard uncertainty."""
    temperature_source: str = "unknown"
    """`entered`, `assumed`, in words for the budget."""
    field_strength_t: float | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class InsertView(View):
    """One series of an arrangement, the parameter maps fitted to it, and the conditions."""

    phantom: Arrangement
    maps: ParameterMaps | None = None
    conditions: Conditions = Conditions()
    order_maps: ParameterMaps | None = None
    """Maps by a simpler model that has values where `maps` has none, to see the order of inserts;
    None: `maps` serves for that."""
    fits: Mapping[tuple[float, float, float], InsertFit] = dataclasses.field(default_factory=dict)
    """Fits to the mean signal of inserts, by their `center_voxel` (labels may still be open); where
    there is one its value is that of the insert, else the mean of the map is."""
    reference: str = "certified"
    """What values are compared with: `certified`, or `t1_anchored` for T2."""
    scanner_map: NDArray[np.float32] | None = None
    """(i, j, k) map of the same quantity that the scanner computed, in its own unit."""

    @property
    def kind(self) -> str:
        """Which families of tests measure it."""
        if any(group.fiducials for group in self.phantom.group if group.name == self.pose.kind):
            return "fiducial"
        return "inserts" if self.maps is not None else "images"

    @property
    def for_order(self) -> InsertView:
        """The view with the maps that show the order of the inserts."""
        return self if self.order_maps is None else dataclasses.replace(self, maps=self.order_maps)

    @property
    def quantity(self) -> str:
        """The parameter that is mapped: `t1`, `t2`, `adc`."""
        return "" if self.maps is None else self.maps.parameters[0].name

    @property
    def acquired_share(self) -> float:
        """How many of the stored voxels were acquired, as a share: the rest are interpolated."""
        acquisition = self.series.header.acquisition
        stored, acquired = acquisition.matrix, acquisition.matrix_acquired
        if not stored or not acquired or min(acquired) <= 0:
            return 1.0
        return min(max(acquired) * min(acquired) / (max(stored) * min(stored)), 1.0)

    @property
    def slice_thickness_mm(self) -> float:
        """Thickness of a slice, or the distance of slices where the header does not say."""
        header = self.series.header
        return header.acquisition.slice_thickness_mm or header.voxel_size_mm[2]

    def group(self, insert: InsertPosition) -> Group:
        """Return the group of an insert."""
        return self.phantom.find_group(insert.group)
