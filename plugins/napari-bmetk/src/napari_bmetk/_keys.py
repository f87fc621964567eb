"""Keys for everything that is done often; they hold wherever the picture has the focus."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from weakref import ref

from napari_bmetk import _tools as tools
from napari_bmetk._tools import Tool

if TYPE_CHECKING:
    from napari_bmetk._widget import ReviewWidget

_SMALLER, _LARGER = 0.8, 1.25

_ACTIONS: dict[str, Callable[[ReviewWidget], Any]] = {
    "N": lambda dock: dock.review.step(forward=True),
    "Shift-N": lambda dock: dock.review.step(forward=False),
    "B": lambda dock: dock.review.take_tool(Tool.PAINT),
    "E": lambda dock: dock.review.take_tool(Tool.ERASE),
    "G": lambda dock: dock.review.take_tool(Tool.GROW),
    "T": lambda dock: dock.review.take_tool(Tool.THRESHOLD),
    "V": lambda dock: dock.review.take_tool(Tool.LOOK),
    "A": lambda dock: dock.review.accept(),
    "X": lambda dock: dock.review.reject(),
    "S": lambda dock: dock.review.act(tools.split),
    "O": lambda dock: dock.look.toggle_drawn(),
    "Q": lambda dock: dock.look.next_plane(),
    "[": lambda dock: dock.review.resize_brush(_SMALLER),
    "]": lambda dock: dock.review.resize_brush(_LARGER),
    "Control-Z": lambda dock: dock.session.undo(),
    "Control-Shift-Z": lambda dock: dock.session.redo(),
    "F1": lambda dock: dock.show_keys(),
}


def bind_keys(dock: ReviewWidget, target: Any) -> None:
    """Bind the keys of a dock to the viewer or to a layer.

    napari asks the active layer before the viewer, and its layers have keys of their own (E, X, the
    brackets): so each layer under review gets the dock's too. A closed dock is not called any more.
    """
    held = ref(dock)
    for key, action in _ACTIONS.items():
        target.bind_key(key, _of_dock(held, action), overwrite=True)


def _of_dock(
    held: Callable[[], ReviewWidget | None], action: Callable[[ReviewWidget], Any]
) -> Callable[[Any], None]:
    def run(_target: Any) -> None:
        dock = held()
        if dock is not None:
            action(dock)

    return run
