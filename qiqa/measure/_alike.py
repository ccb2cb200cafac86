"""Images of one acquisition that was made more than once."""

from __future__ import annotations

import numpy as np

from qiqa.measure.insert_view import InsertView

__all__ = ["alike"]


def alike(view: InsertView, siblings: tuple[InsertView, ...]) -> list[InsertView]:
    """Return the views, itself included, with the role of a view that show the same voxels."""
    header = view.series.header
    return [
        other
        for other in siblings
        if other.role == view.role
        and other.kind == "images"
        and other.series.header.shape == header.shape
        and np.allclose(other.series.header.affine, header.affine, atol=0.1)
        and other.pose.labels not in ("unresolved", "none")
    ]
