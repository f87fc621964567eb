"""Follow the patient through the exams under review, beside the window where that takes long."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from time import thread_time

from qtpy.QtCore import QObject, QTimer, Signal

from bmetk import BmetkError, ExamResult, Timeline
from bmetk.review import Review, review_timeline
from napari_bmetk._worker import Job

_REST_MS = 600
_LONGEST_S = 0.25  # that following the course may add to a stroke
_SHORT = 3  # exams; in so short a course most of the first time went to register bones, once


@dataclass(frozen=True, slots=True, eq=False)
class _Followed:
    """A course, the review that it is of, and what it took."""

    review: Review
    timeline: Timeline | None
    seconds: float


class Course(QObject):
    """The events and links of a review. ``followed`` tells that the timeline is another one."""

    followed = Signal()
    said = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.timeline: Timeline | None = None
        self.seconds = 0.0
        """What following took; a long course is followed when the hand rests."""
        self.is_behind = False
        """Whether events and links wait to follow an edit."""
        self._open: tuple[Review, dict[str, ExamResult]] | None = None
        self._is_new = False
        self._job = Job()
        self._job.done.connect(self._on_done)
        self._job.failed.connect(self._on_failed)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_REST_MS)
        self._rest.timeout.connect(self._follow_beside)

    def begin(self, review: Review, results: Mapping[str, ExamResult]) -> None:
        """Follow a review that was just opened, once its first exam is shown."""
        self._is_new = True
        self._wait(review, results)

    def follow(self, review: Review, results: Mapping[str, ExamResult], *, may_wait: bool) -> None:
        """Follow a change: at once, or when the hand rests where that would hold a stroke up."""
        if may_wait and (self.is_behind or self.seconds > _LONGEST_S):
            self._wait(review, results)
        else:
            self._follow_now(review, results)

    def catch_up(self) -> None:
        """Follow what still waits."""
        if self.is_behind and self._open is not None:
            self._follow_now(*self._open)
            self.followed.emit()

    def close(self) -> None:
        """Forget the review."""
        self._rest.stop()
        self._open, self.timeline, self.is_behind = None, None, False

    def _wait(self, review: Review, results: Mapping[str, ExamResult]) -> None:
        self._open, self.is_behind = (review, dict(results)), True
        self._rest.start()

    def _follow_now(self, review: Review, results: Mapping[str, ExamResult]) -> None:
        self._open = review, dict(results)
        try:
            self._take(_follow(*self._open))
        except BmetkError as error:
            self._on_failed(str(error))

    def _follow_beside(self) -> None:
        """Begin beside the window; where that goes on already, anew as soon as it ends."""
        if self._open is not None:
            review, results = self._open
            self._job.start(lambda _on_progress: _follow(review, results))

    def _take(self, found: _Followed) -> None:
        self._rest.stop()
        self.timeline, self.is_behind = found.timeline, False
        exams = 0 if found.timeline is None else len(found.timeline.exams)
        self.seconds = 0.0 if self._is_new and exams <= _SHORT else found.seconds
        self._is_new = False

    def _on_done(self, found: object) -> None:
        assert isinstance(found, _Followed)
        if self._open is not None and found.review is self._open[0]:
            self._take(found)
            self.followed.emit()
        elif self.is_behind and not self._rest.isActive():
            self._follow_beside()

    def _on_failed(self, sentence: str) -> None:
        self._rest.stop()
        self.timeline, self.is_behind = None, False
        self.said.emit(sentence)


def _follow(review: Review, results: Mapping[str, ExamResult]) -> _Followed:
    start = thread_time()
    timeline = review_timeline(review, results)
    return _Followed(review, timeline, thread_time() - start)
