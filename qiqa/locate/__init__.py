"""Which phantom, where, which way round: from the image and the definition, never from a name."""

from __future__ import annotations

from qiqa.core.phantom import Phantom
from qiqa.core.pose import Override, PhantomPose
from qiqa.core.registry import Registry
from qiqa.core.series import Series

__all__ = ["FAMILIES", "locate"]

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
