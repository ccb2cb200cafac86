"""Which phantom, where, which way round: from the image and the definition, never from a name."""

from __future__ import annotations

from collections.abc import Sequence

from qiqa.core.errors import LocateError
from qiqa.core.phantom import Phantom
from qiqa.core.pose import Override, PhantomPose
from qiqa.core.registry import Registry
from qiqa.core.series import Series
from qiqa.locate._by_values import Disorder, choose_by_values, disorder

__all__ = ["FAMILIES", "Disorder", "choose_by_values", "disorder", "locate", "locate_together"]

FAMILIES = Registry("qiqa.locate")
"""One module a geometry family; each has `locate(series, phantom, override) -> PhantomPose`."""


def locate(series: Series, phantom: Phantom, override: Override | None = None) -> PhantomPose:
    """Find a phantom in a series.

    Parameters
    ----------
    series
        Images with pixels; the first volume is used.
    phantom
        Which phantom is looked for; its `family` names the module that does it.
    override
        What the user sets instead of what the image says.

    Raises
    ------
    LocateError
        If the images do not show it; the message says what they show.
    """
    module = FAMILIES.load(phantom.family)
    pose: PhantomPose = module.locate(series, phantom, override or Override())
    return pose


def locate_together(
    all_series: Sequence[Series], phantom: Phantom
) -> list[PhantomPose | LocateError]:
    """Find a phantom in several series of one exam; what one leaves open another may settle.

    Families whose series do not help each other are asked for one at a time.

    Returns
    -------
    list
        For each series its pose, or why there is none.
    """
    module = FAMILIES.load(phantom.family)
    if hasattr(module, "locate_together"):
        poses: list[PhantomPose | LocateError] = module.locate_together(all_series, phantom)
        return poses
    found: list[PhantomPose | LocateError] = []
    for series in all_series:
        try:
            found.append(locate(series, phantom))
        except LocateError as error:
            found.append(error)
    return found
