"""Keys for everything that is done often; they hold wherever the picture has the focus."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from napari_bmetk import _tools as tools
from napari_bmetk._tools import Tool

if TYPE_CHECKING:
    from napari_bmetk._widget import ReviewWidget

_SMALLER, _LARGER = 0.8, 1.25


def bind_keys(dock: ReviewWidget) -> None:
    """Bind the keys of a dock to its viewer; a later dock takes them over."""
    review = dock.review
    actions: dict[str, Callable[[], Any]] = {
        "N": lambda: review.step(forward=True),
        "Shift-N": lambda: review.step(forward=False),
        "B": lambda: review.take_tool(Tool.PAINT),
        "E": lambda: review.take_tool(Tool.ERASE),
        "G": lambda: review.take_tool(Tool.GROW),
        "T": lambda: review.take_tool(Tool.THRESHOLD),
        "V": lambda: review.take_tool(Tool.LOOK),
        "A": review.accept,
        "X": review.reject,
        "S": lambda: review.act(tools.split),
        "O": dock.toggle_drawn,
        "Q": dock.next_plane,
        "[": lambda: review.resize_brush(_SMALLER),
        "]": lambda: review.resize_brush(_LARGER),
        "Control-Z": dock.session.undo,
        "Control-Shift-Z": dock.session.redo,
        "F1": dock.show_keys,
    }
    viewer = dock.session.viewer
    for key, action in actions.items():
        viewer.bind_key(key, _ignoring_viewer(action), overwrite=True)


def _ignoring_viewer(action: Callable[[], Any]) -> Callable[[Any], None]:
    def run(_viewer: Any) -> None:
        action()

    return run
