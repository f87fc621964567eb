"""The tab of the review itself: tools, the table of regions and lesions, and the findings."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Labels
from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QColor
from qtpy.QtWidgets import (
    QAbstractItemView,
    QButtonGroup,
    QComboBox,
    QDoubleSpinBox,
    QGridLayout,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from bmetk import BmetkError
from bmetk.exam import Finding, Lesion
from bmetk.review import with_finding
from napari_bmetk import _texts as texts
from napari_bmetk import _tools as tools
from napari_bmetk._rows import Row, Rows
from napari_bmetk._session import Session
from napari_bmetk._tools import Tool, Tools

_TOOLS = {
    Tool.LOOK: texts.LOOK,
    Tool.PAINT: texts.PAINT,
    Tool.ERASE: texts.ERASE,
    Tool.GROW: texts.GROW,
    Tool.THRESHOLD: texts.THRESHOLD,
}
_FADED = QColor(150, 150, 150)
_FINDINGS_PX = 76
_NARROW = "font-size: 8pt"  # so that all columns, the verdict too, fit beside the picture


class ReviewPanel(QWidget):
    """Lists what was measured and lets the reader change it; ``chosen`` carries the row clicked."""

    chosen = Signal(object)

    def __init__(self, session: Session, in_hand: Tools) -> None:
        super().__init__()
        self._session = session
        self.tools = in_hand
        self.rows: list[Row] = []
        self._maker = Rows()
        self.table = make_table(texts.COLUMNS)
        self.table.setStyleSheet(_NARROW)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.tool_buttons = {tool: QPushButton(text) for tool, text in _TOOLS.items()}
        self.accept_button = QPushButton(texts.ACCEPT)
        self.reject_button = QPushButton(texts.REJECT)
        self.split_button = QPushButton(texts.DO_SPLIT)
        self.relabel_button = QPushButton(texts.RELABEL)
        self.region_box = QComboBox()
        self.undo_button, self.redo_button = QPushButton(texts.UNDO), QPushButton(texts.REDO)
        self.labels_button = QPushButton(texts.USE_LABELS)
        self.bones_button = QPushButton(texts.EDIT_BONES)
        self.again_button = QPushButton(texts.EDEMA_AGAIN)
        self.brush_box, self.share_box = _number(1, 60, 6.0), _number(10, 90, 50)
        self.findings = QListWidget()
        self._lay_out()
        self._connect()

    @property
    def row(self) -> Row | None:
        """The row that is selected."""
        number = self.table.currentRow()
        return self.rows[number] if 0 <= number < len(self.rows) else None

    def refresh(self) -> None:
        """Write the table anew, the row that was selected stays so."""
        before = self.row
        session = self._session
        review = session.review
        self.rows = [
            row
            for name, result in session.results.items()
            for row in self._maker.of_exam(
                name, result, review.drafts.get(name) if review else None, session.timeline
            )
        ]
        self._write_rows()
        self._select_like(before)
        self._list_findings()
        self._list_regions()
        self._enable()

    def step(self, forward: bool) -> None:
        """Go to the next or the previous lesion."""
        lesions = [number for number, row in enumerate(self.rows) if row.lesion and not row.is_rejected]
        if not lesions:
            return
        at = self.table.currentRow()
        ahead = [n for n in lesions if n > at] if forward else [n for n in lesions if n < at]
        number = (ahead or lesions)[0 if forward else -1]
        self.table.setCurrentCell(number, 1)
        self._on_clicked(number)

    def act(self, action: Any, **options: Any) -> None:
        """Do something with the lesion of the row, if there is one."""
        row = self.row
        if not self._session.is_editable:
            self._session.said.emit(texts.READ_ONLY)
        elif row is None or row.lesion is None:
            self._session.said.emit(texts.NO_ROW)
        else:
            self._session.current = row.exam
            try:
                action(self._session, row.lesion, **options)
            except BmetkError as error:
                self._session.said.emit(str(error))

    def accept(self) -> None:
        """Accept the lesion of the row."""
        row = self.row
        if row is None or not row.is_rejected:
            self.act(tools.accept)

    def reject(self) -> None:
        """Reject the lesion of the row, or bring it back."""
        self.act(tools.reject, is_rejected=self.row is not None and self.row.is_rejected)

    def take_tool(self, tool: Tool) -> None:
        """Take a tool in hand and show that."""
        self.tools.take(tool)
        self.tool_buttons[self.tools.tool].setChecked(True)

    def resize_brush(self, factor: float) -> None:
        """Make the brush larger or smaller."""
        self.brush_box.setValue(self.brush_box.value() * factor)

    def _write_rows(self) -> None:
        # Widths follow once all is written: at each cell they would take seconds in a long course.
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.table.clearSpans()
        self.table.setRowCount(len(self.rows))
        for number, row in enumerate(self.rows):
            if row.is_exam:
                self.table.setSpan(number, 0, 1, len(texts.COLUMNS))
            for column, text in enumerate(row.cells):
                self.table.setItem(number, column, _item(row, text, column))
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)

    def _select_like(self, before: Row | None) -> None:
        """Select the row that shows what the selected one showed."""
        if before is None:
            return
        same = [n for n, row in enumerate(self.rows) if row.exam == before.exam and _is_like(row, before)]
        if same:
            with_blocked = self.table.blockSignals(True)
            self.table.setCurrentCell(same[0], 1)
            self.table.blockSignals(with_blocked)

    def _list_findings(self) -> None:
        result = self._session.results.get(self._session.current)
        before = self.findings.blockSignals(True)
        self.findings.clear()
        for finding in result.findings if result is not None else ():
            side = f" ({finding.side.value})" if finding.side else ""
            item = QListWidgetItem(f"{finding.kind.replace('_', ' ')}{side}: {finding.message}")
            item.setData(Qt.ItemDataRole.UserRole, finding)
            item.setCheckState(Qt.CheckState.Checked if finding.present else Qt.CheckState.Unchecked)
            self.findings.addItem(item)
        self.findings.blockSignals(before)

    def _list_regions(self) -> None:
        result = self._session.results.get(self._session.current)
        meaning = {} if result is None else result.regions.present()
        told = {
            f"{label.name.replace('_', ' ')} {label.side or ''}".strip(): v for v, label in meaning.items()
        }
        if [self.region_box.itemText(i) for i in range(self.region_box.count())] != list(told):
            self.region_box.clear()
            for name, value in told.items():
                self.region_box.addItem(name, value)

    def _enable(self) -> None:
        editable = self._session.is_editable
        for part in (
            *self.tool_buttons.values(),
            self.accept_button,
            self.reject_button,
            self.split_button,
            self.relabel_button,
            self.undo_button,
            self.redo_button,
            self.labels_button,
            self.bones_button,
            self.again_button,
            self.findings,
        ):
            part.setEnabled(editable)

    def _on_clicked(self, number: int, _column: int = 0) -> None:
        row = self.rows[number]
        if row.exam != self._session.current:
            self.take_tool(Tool.LOOK)
        self.chosen.emit(row)

    def _on_turned(self) -> None:
        """List findings and regions of the exam that is looked at now."""
        self._list_findings()
        self._list_regions()

    def _on_finding(self, item: QListWidgetItem) -> None:
        finding: Finding = item.data(Qt.ItemDataRole.UserRole)
        draft = self._session.draft
        if draft is not None:
            present = item.checkState() == Qt.CheckState.Checked
            self._session.change(with_finding(draft, finding, present))

    def _on_relabel(self) -> None:
        value = self.region_box.currentData()
        if value is not None:

            def give(session: Session, lesion: Lesion) -> None:
                tools.give_to_region(session, lesion, int(value))

            self.act(give)

    def _on_use_labels(self) -> None:
        layer = self._session.viewer.layers.selection.active
        if not isinstance(layer, Labels) or "bmetk_exam" in layer.metadata or self._session.draft is None:
            self._session.said.emit(texts.NO_LABELS)
            return
        try:
            tools.take_labels(self._session, layer)
        except BmetkError as error:
            self._session.said.emit(str(error))

    def _on_bones(self, checked: bool) -> None:
        self.tools.role = "bones" if checked else "edema"
        layer = self.tools.target()
        if layer is not None:
            layer.visible = layer.visible or checked
            if checked:
                bones = np.unique(layer.data)
                layer.selected_label = int(bones[bones > 0][0]) if np.any(bones > 0) else 1
                self._session.said.emit(texts.BONES_HINT)
        self.take_tool(Tool.PAINT if checked else Tool.LOOK)

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2, 4, 2, 2)
        layout.addLayout(self._tool_rows())
        layout.addWidget(self.table, stretch=1)
        acts = QHBoxLayout()
        for part in (self.accept_button, self.reject_button, self.split_button):
            acts.addWidget(part)
        layout.addLayout(acts)
        give = QHBoxLayout()
        give.addWidget(self.relabel_button)
        give.addWidget(self.region_box, stretch=1)
        layout.addLayout(give)
        layout.addWidget(QLabel(texts.FINDINGS))
        self.findings.setMaximumHeight(_FINDINGS_PX)
        layout.addWidget(self.findings)
        more = QGridLayout()
        more.addWidget(self.bones_button, 0, 0)
        more.addWidget(self.again_button, 0, 1)
        more.addWidget(self.labels_button, 1, 0, 1, 2)
        layout.addLayout(more)

    def _tool_rows(self) -> QGridLayout:
        rows = QGridLayout()
        group = QButtonGroup(self)
        for column, button in enumerate(self.tool_buttons.values()):
            button.setCheckable(True)
            group.addButton(button)
            rows.addWidget(button, 0, column)
        self.tool_buttons[Tool.LOOK].setChecked(True)
        self.bones_button.setCheckable(True)
        second = QHBoxLayout()
        for part in (
            QLabel(texts.BRUSH),
            self.brush_box,
            QLabel(f"{texts.LEVEL}, %"),
            self.share_box,
            self.undo_button,
            self.redo_button,
        ):
            second.addWidget(part)
        rows.addLayout(second, 1, 0, 1, len(self.tool_buttons))
        return rows

    def _connect(self) -> None:
        for tool, button in self.tool_buttons.items():
            button.clicked.connect(lambda _checked=False, tool=tool: self.take_tool(tool))
        self._session.turned.connect(self._on_turned)
        self.table.cellClicked.connect(self._on_clicked)
        self.accept_button.clicked.connect(self.accept)
        self.reject_button.clicked.connect(self.reject)
        self.split_button.clicked.connect(lambda: self.act(tools.split))
        self.relabel_button.clicked.connect(self._on_relabel)
        self.undo_button.clicked.connect(self._session.undo)
        self.redo_button.clicked.connect(self._session.redo)
        self.labels_button.clicked.connect(self._on_use_labels)
        self.bones_button.toggled.connect(self._on_bones)
        self.brush_box.valueChanged.connect(self.tools.resize)
        self.share_box.valueChanged.connect(lambda value: setattr(self.tools, "share", value / 100))
        self.findings.itemChanged.connect(self._on_finding)


def make_table(columns: tuple[str, ...]) -> QTableWidget:
    """Make a table to read and click, not to type in."""
    table = QTableWidget(0, len(columns))
    table.setHorizontalHeaderLabels(columns)
    table.verticalHeader().setVisible(False)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
    return table


def _item(row: Row, text: str, column: int) -> QTableWidgetItem:
    """Write a cell: exams bold, what does not count faded, rejected lesions struck out."""
    item = QTableWidgetItem(text)
    font = item.font()
    font.setBold(row.is_exam)
    font.setStrikeOut(row.is_rejected and column == 0)
    item.setFont(font)
    if row.is_rejected or not row.is_imaged:
        item.setForeground(_FADED)
    return item


def _is_like(row: Row, before: Row) -> bool:
    if before.lesion is None:
        return row.lesion is None and row.cells[:2] == before.cells[:2]
    if (
        row.lesion is None
        or row.is_rejected is not before.is_rejected
        or row.lesion.bone != before.lesion.bone
    ):
        return False
    return bool(np.linalg.norm(np.subtract(row.lesion.centroid_mm, before.lesion.centroid_mm)) < 15)


def _number(low: float, high: float, value: float) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(low, high)
    box.setDecimals(0)
    box.setValue(value)
    return box
