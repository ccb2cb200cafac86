"""ACR phantoms: a cylinder with inserts, seen as a stack of slices or as one localizer."""

from __future__ import annotations

from qiqa.core.cylinder import CylinderPhantom
from qiqa.core.errors import LocateError
from qiqa.core.pose import Override, PhantomPose
from qiqa.core.series import Series
from qiqa.locate._acr_localizer import locate_localizer
from qiqa.locate._acr_stack import locate_stack

__all__ = ["locate"]

MIN_STACK = 4
"""A stack of fewer slices is looked at as localizer first."""


def locate(series: Series, phantom: CylinderPhantom, override: Override) -> PhantomPose:
    """Find the phantom in an axial stack or a localizer, whichever the images show.

    Raises
    ------
    LocateError
        Saying for either view what was seen instead.
    """
    views = [locate_stack, locate_localizer]
    if series.header.shape[2] < MIN_STACK:
        views.reverse()
    reasons = []
    for view in views:
        try:
            # what the user sets is in pixels and slices of the stack: a localizer has other ones
            return view(series, phantom, override if view is locate_stack else Override())
        except LocateError as error:
            reasons.append(error.message)
    raise LocateError(
        f"{phantom.name} not found: " + "; ".join(reasons),
        where=series.header.description or series.header.series_uid,
        hint="check that this series shows the phantom; --slice, --angle and --center set its "
        "place by hand",
    )
