"""Review bone-marrow edema in napari. Computes nothing itself: see `bmetk`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import napari

__version__ = "0.1.0"
__all__ = ["__version__", "open_result"]


def open_result(folder: Path, *, run: bool = True) -> napari.Viewer:
    """Open napari with the result in a folder and the review dock beside it.

    Parameters
    ----------
    folder : a folder that `bmetk analyze` or `bmetk track` wrote
    run : stay until the window is closed; False returns at once, for a caller with its own event loop

    Raises
    ------
    bmetk.errors.InputError
        If the folder holds no result, or a damaged one.
    """
    import napari
    from napari.layers import Layer

    from napari_bmetk._reader import read_result
    from napari_bmetk._widget import ReviewWidget

    layers = read_result(folder)
    viewer = napari.Viewer(title=f"bmetk: {folder.name}")
    review = ReviewWidget(viewer)
    viewer.window.add_dock_widget(review, name="bmetk review", area="right")
    for layer in layers:
        viewer.add_layer(Layer.create(*layer))
    review.go_to_row(0)
    if run:
        napari.run()
    return viewer
