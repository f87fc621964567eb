"""Review bone-marrow edema in napari. Computes nothing itself: see `bmetk`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import napari

    from napari_bmetk._widget import ReviewWidget

__version__ = "0.1.0"
__all__ = ["__version__", "current_dock", "open_dock", "open_result"]


def open_result(folder: Path, *, run: bool = True) -> napari.Viewer:
    """Open napari with a result or a study and the review dock beside it.

    Parameters
    ----------
    folder : a folder that `bmetk analyze` or `bmetk track` wrote, or a DICOM study
    run : stay until the window is closed; False returns at once, for a caller with its own event loop

    Raises
    ------
    bmetk.errors.InputError
        If the folder holds neither, or a damaged result.
    """
    import napari
    from napari.layers import Layer

    from bmetk.errors import UnreadableFileError
    from napari_bmetk import _texts as texts
    from napari_bmetk._reader import reader_of

    folder = Path(folder)
    read = reader_of(str(folder))
    if read is None:
        raise UnreadableFileError(texts.NO_RESULT.format(name=folder.name))
    layers = read(str(folder))
    viewer = napari.Viewer(title=f"bmetk: {folder.name}")
    dock = open_dock(viewer)
    for layer in layers:
        viewer.add_layer(Layer.create(*layer))
    dock.go_to_worst()
    if run:
        napari.run()
    return viewer


def open_dock(viewer: napari.Viewer) -> ReviewWidget:
    """Give the viewer's review dock; it is opened if there is none yet."""
    from napari_bmetk import _texts as texts
    from napari_bmetk._widget import ReviewWidget

    for widget in viewer.window.dock_widgets.values():
        if isinstance(widget, ReviewWidget):
            return widget
    dock = ReviewWidget(viewer)
    viewer.window.add_dock_widget(dock, name=texts.DOCK, area="right")
    return dock


def current_dock() -> ReviewWidget | None:
    """Give the review dock of the window that is in front; None where there is no window."""
    import napari

    viewer = napari.current_viewer()
    return None if viewer is None or getattr(viewer, "window", None) is None else open_dock(viewer)
