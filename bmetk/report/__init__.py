"""Pages to read: one HTML file an exam, one a course, and their figures."""

from bmetk.report.page import exam_page, timeline_page

__all__ = ["exam_page", "timeline_page"]
