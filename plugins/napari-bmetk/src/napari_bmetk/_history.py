"""What can be undone: strokes and decisions, in the order in which they were made."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

_KEPT = 100  # as many as napari keeps of a layer


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that the reader did: how to take it back, and how to do it again."""

    undo: Callable[[], None]
    redo: Callable[[], None]


class History:
    """The reader's steps, those that were taken back apart."""

    def __init__(self) -> None:
        self._done: deque[Step] = deque(maxlen=_KEPT)
        self._undone: list[Step] = []
        self._is_paused = False

    @property
    def can_undo(self) -> bool:
        """Whether there is anything to take back."""
        return bool(self._done)

    @property
    def can_redo(self) -> bool:
        """Whether there is anything to do again."""
        return bool(self._undone)

    def add(self, undo: Callable[[], None], redo: Callable[[], None]) -> None:
        """Remember a step that was just made; what was undone before it is gone for good."""
        if not self._is_paused:
            self._done.append(Step(undo, redo))
            self._undone.clear()

    def undo(self) -> None:
        """Take the last step back, if there is one."""
        if self._done:
            step = self._done.pop()
            self._undone.append(step)
            with self._paused():
                step.undo()

    def redo(self) -> None:
        """Do the step again that was taken back last, if there is one."""
        if self._undone:
            step = self._undone.pop()
            self._done.append(step)
            with self._paused():
                step.redo()

    def clear(self) -> None:
        """Forget every step: another state is shown."""
        self._done.clear()
        self._undone.clear()

    @contextmanager
    def _paused(self) -> Iterator[None]:
        """Let what undo and redo do be no step of its own."""
        self._is_paused = True
        try:
            yield
        finally:
            self._is_paused = False
