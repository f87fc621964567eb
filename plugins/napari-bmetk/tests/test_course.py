"""Two exams of one patient: side by side, in time, and linked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import napari
import numpy as np
import pytest
from conftest import LESION_MM, keep_picture, write_course
from hands import click, click_row, number_of, press
from napari.layers import Layer
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt

from bmetk.review import open_review
from napari_bmetk._reader import read_result
from napari_bmetk._view import shown_letters
from napari_bmetk._widget import ReviewWidget

HIGHEST_S = 0.5


def show(viewer: napari.Viewer, folder: Path) -> None:
    for data in read_result(folder):
        viewer.add_layer(Layer.create(*data))


def test_two_exams_lie_side_by_side_in_register_and_scroll_together(
    viewer: napari.Viewer, dock: ReviewWidget, qtbot: QtBot
):
    click_row(qtbot, dock, number_of(dock, "lesion 1", "2_knee_left"))
    dock.tabs.setCurrentWidget(dock.course)
    before = list(viewer.layers)
    dock._on_compare("1_knee_left")
    qtbot.wait(300)
    assert "laid over" in dock.message.text()
    picture = viewer.screenshot(canvas_only=True, flash=False).astype(int)
    keep_picture(viewer.screenshot(canvas_only=False, flash=False), "side-by-side")
    half = picture.shape[1] // 2
    places = [orange_middle(picture[:, :half]), orange_middle(picture[:, half:])]
    # The second knee was moved by 4 mm; in register both lesions lie at one place of their cells.
    assert places[0] == pytest.approx(places[1], abs=2.0 * viewer.scene.camera.zoom)
    viewer.dims.set_point(1, LESION_MM[1] + 21.0)
    qtbot.wait(100)
    away = viewer.screenshot(canvas_only=True, flash=False).astype(int)
    assert not is_orange(away).any(), "both cells scroll"
    dock._on_compare("")
    assert not viewer.canvas.grid.enabled
    assert list(viewer.layers) == before


@pytest.fixture(scope="module")
def open_course(window: napari.Viewer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReviewWidget]:
    """Open a course in one dock for every test here."""
    folder = write_course(tmp_path_factory.mktemp("first"))
    widget = ReviewWidget(window, spare=folder.with_name("spare"))
    window.window.add_dock_widget(widget, name="bmetk review")
    show(window, folder)
    yield widget
    window.canvas.grid.enabled = False
    window.layers.clear()
    window.window.remove_dock_widget("all")


@pytest.fixture
def viewer(window: napari.Viewer) -> napari.Viewer:
    """Hand out the window with what is open in it."""
    return window


@pytest.fixture
def dock(open_course: ReviewWidget, course_folder: Path, qtbot: QtBot) -> ReviewWidget:
    """Show a fresh review of the course."""
    open_course.compare.hide()
    open_course.tabs.setCurrentWidget(open_course.review)
    open_course.session.reshow(open_review(course_folder))
    qtbot.waitUntil(lambda: not open_course.session.course.is_behind, timeout=60_000)
    return open_course


def is_orange(picture: np.ndarray) -> np.ndarray:
    red, green, blue = (picture[..., channel] for channel in range(3))
    return (red > green + 40) & (red > blue + 80) & (green < 0.75 * red)


def orange_middle(picture: np.ndarray) -> tuple[float, float]:
    found = np.argwhere(is_orange(picture))
    assert len(found), "the lesion is not in this cell"
    row, column = found.mean(axis=0)
    return float(row), float(column)


def test_an_exam_that_is_asked_for_is_shown_then_and_not_before(
    viewer: napari.Viewer, dock: ReviewWidget, qtbot: QtBot
):
    click_row(qtbot, dock, number_of(dock, "lesion 1", "2_knee_left"))
    for layer in [it for it in viewer.layers if it.metadata["bmetk_exam"] == "1_knee_left"]:
        viewer.layers.remove(layer)
    qtbot.wait(20)
    assert len(viewer.layers) == 5
    click_row(qtbot, dock, number_of(dock, "lesion 1", "1_knee_left"))
    shown = [layer.metadata["bmetk_exam"] for layer in viewer.layers if layer.visible]
    assert set(shown) == {"1_knee_left"}
    assert viewer.layers.selection.active.metadata["bmetk_exam"] == "1_knee_left"
    assert viewer.dims.point == pytest.approx(LESION_MM[::-1], abs=2.0)


def test_a_click_in_the_plot_opens_that_exam(viewer: napari.Viewer, dock: ReviewWidget, qtbot: QtBot):
    dock.tabs.setCurrentWidget(dock.course)
    qtbot.wait(300)
    plot = dock.course.plot
    axes = plot.figure.axes[0]
    x, y = axes.transData.transform((axes.get_xlim()[0], 0.5))
    place = plot.rect().topLeft() + type(plot.rect().topLeft())(round(x) + 3, round(plot.height() - y))
    qtbot.mouseClick(plot, Qt.MouseButton.LeftButton, pos=place)
    assert dock.session.current == "1_knee_left"
    assert "2024-03-01" in dock.message.text()
    assert dock.course.body_map is not None
    keep_picture(viewer.screenshot(canvas_only=False, flash=False), "course")


def test_a_link_is_cut_and_drawn(viewer: napari.Viewer, dock: ReviewWidget, qtbot: QtBot):
    dock.tabs.setCurrentWidget(dock.course)
    assert dock.course.link_table.rowCount() == 1
    dock.course.link_table.setCurrentCell(0, 0)
    click(qtbot, dock.course.cut_button)
    assert dock.course.link_table.rowCount() == 0
    dock.tabs.setCurrentWidget(dock.review)
    rows = [number_of(dock, "lesion 1", name) for name in ("1_knee_left", "2_knee_left")]
    dock.course.link_rows([dock.review.rows[number] for number in rows])
    assert dock.course.link_table.rowCount() == 1
    assert dock.course.link_table.item(0, 3).text() == "drawn"


def test_events_follow_an_edit(viewer: napari.Viewer, dock: ReviewWidget, qtbot: QtBot):
    row = number_of(dock, "lateral femoral condyle", "2_knee_left")
    assert dock.table.item(row, 3).text().endswith("unchanged")
    click_row(qtbot, dock, number_of(dock, "lesion 1", "2_knee_left"))
    press(qtbot, viewer, Qt.Key.Key_X)
    row = number_of(dock, "lateral femoral condyle", "2_knee_left")
    assert dock.table.item(row, 3).text() == "−1.5 resolved"
    assert dock.session.seconds < HIGHEST_S


def test_a_long_course_follows_when_the_hand_rests_and_volumes_at_once(
    viewer: napari.Viewer, dock: ReviewWidget, qtbot: QtBot
):
    click_row(qtbot, dock, number_of(dock, "lesion 1", "2_knee_left"))
    dock.session.course.seconds = 2.0
    click(qtbot, dock.review.reject_button)
    row = number_of(dock, "lateral femoral condyle", "2_knee_left")
    assert dock.table.item(row, 2).text().startswith("0 ")
    assert dock.session.course.is_behind
    qtbot.waitUntil(lambda: not dock.session.course.is_behind, timeout=60_000)
    row = number_of(dock, "lateral femoral condyle", "2_knee_left")
    assert dock.table.item(row, 3).text() == "−1.5 resolved"


def test_findings_and_regions_are_those_of_the_exam_that_the_plot_opened(
    viewer: napari.Viewer, dock: ReviewWidget, qtbot: QtBot
):
    listed: list[str] = []
    dock.session.turned.connect(lambda: listed.append(dock.session.current))
    click_row(qtbot, dock, number_of(dock, "lesion 1", "2_knee_left"))
    row = dock.review.rows[number_of(dock, "lateral femoral condyle", "1_knee_left")].region
    dock._on_course_asked("1_knee_left", row.region, row.side)
    assert listed[-1] == "1_knee_left"
    active = viewer.layers.selection.active
    assert active.metadata["bmetk_exam"] == "1_knee_left", "the brush must not paint in another exam"


def test_in_space_and_in_every_plane_the_exam_is_in_the_middle_seen_from_the_front(
    viewer: napari.Viewer, dock: ReviewWidget, qtbot: QtBot
):
    far = viewer.add_image(np.ones((4, 4, 4)), translate=(900, 900, 900), visible=False)
    click_row(qtbot, dock, number_of(dock, "lesion 1", "2_knee_left"))
    middle = dock.session.views["2_knee_left"].layers["regions"].extent.world.mean(axis=0)
    for plane in (0, 2, 3):
        dock.look.show_plane(plane)
        at = [middle[axis] for axis in viewer.dims.order]
        shown = 3 if plane == 3 else 2
        assert viewer.scene.camera.center[-shown:] == pytest.approx(at[-shown:], abs=1.0)
    assert shown_letters(viewer) == {"left": "R", "right": "L", "top": "H", "bottom": "F"}
    picture = viewer.screenshot(canvas_only=True, flash=False).astype(int)
    assert is_orange(picture).any(), "the lesion is seen through its bone"
    viewer.layers.remove(far)
    dock.look.show_plane(1)
