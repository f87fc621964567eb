"""Every text of the window in one place, for translation; sentences of the core come as they are."""

from __future__ import annotations

DOCK = "bmetk review"
TABS = ("Review", "Series", "Course", "Sign")

HINT = (
    "Drop a study or a result on the window, or take one from File > Open Sample. Then: Run, click a row, "
    "scroll with the wheel, paint with B, erase with E, sign. F1 lists the keys."
)
RESEARCH = "Research use only: not a medical device."
KEYS = (
    ("mouse wheel", "next / previous slice; with Shift: zoom at the mouse"),
    ("N / Shift+N", "next / previous lesion"),
    ("B, E", "paint, erase"),
    ("G", "grow from a click"),
    ("T", "threshold brush, within the bone"),
    ("V", "look: pan, zoom, scroll"),
    ("[ , ]", "smaller, larger brush"),
    ("Ctrl+Z / Ctrl+Shift+Z", "undo / redo a stroke, a decision, a link"),
    ("A, X", "accept, reject the lesion of the row"),
    ("S", "split the lesion at its regions"),
    ("O", "show or hide what is drawn over the picture"),
    ("Q", "next plane: axial, coronal, sagittal"),
    ("F1", "this list"),
)

RUN, CANCEL = "Run", "Cancel"
OPEN_STUDY, SHOW_SERIES = "Open study…", "Show series of a result…"
SERIES_HINT = "Each ticked exam is analysed with these two series; choose others where they are wrong."
SERIES_COLUMNS = ("Exam", "T1", "Fluid-sensitive")
NO_SERIES = "No study is open: drop one on the window."
READING, RUNNING, SIMULATING, SIGNING = "Reading …", "Analysing …", "Simulating the course …", "Signing …"
CANCELLING, CANCELLED = "Stopping …", "Stopped; nothing was written."
DONE = "Done: {exams}. The result lies in {folder}."
FAILED = "It stopped on an unforeseen fault ({fault}). Nothing that is open was changed."
SKIPPED = "Left out: {reason}"
SAMPLE_WAITS = "{name}: being simulated"

COLUMNS = ("Region or lesion", "Side", "Edema, mL", "Change, mL", "Confidence", "Verdict")
NOT_IMAGED = "{region} was not imaged in this exam."
AT = "{what}, {exam}"
LESION = "  lesion {number}"
REJECTED_ROW = "  rejected lesion"
ACCEPTED, REJECTED, SPLIT, BY_READER = "accepted", "rejected", "split", "reader"
ACCEPT, REJECT, DO_SPLIT, RELABEL = "Accept", "Reject", "Split", "Give to region"
LOOK, PAINT, ERASE, GROW, THRESHOLD = "Look", "Paint", "Erase", "Grow", "Threshold brush"
UNDO, REDO, USE_LABELS = "Undo", "Redo", "Use selected layer as edema"
EDIT_BONES, EDEMA_AGAIN = "Correct bones", "Edema again in these bones"
BRUSH, LEVEL = "Brush, mm", "Level"
FINDINGS = "Findings"
NO_ROW = "Click a row with a lesion first."
NO_LABELS = "Select a labels layer that is not of this result, then press the button again."
BONES_HINT = "Paint with the number of a bone; then run the edema step again in these bones."

PLANES = ("Axial", "Coronal", "Sagittal", "3D")
COMPARE, COMPARE_WITH, NO_COMPARE = "Side by side with", "earlier exam", "one exam alone"
COMPARED = "{bone} of {other} laid over {exam}; {residual:.1f} mm left between the surfaces."
COMPARED_BY_MIDDLE = "{bone} of {other} laid over {exam} by its middle alone: {doubt}."
LINKS = "Lesions taken for one in two exams"
LINK_COLUMNS = ("From", "To", "Overlap", "Verdict")
LINK_ACCEPT, LINK_CUT, LINK_DRAW = "Accept", "Cut", "Draw between two rows"
LINK_DRAW_HINT = "Choose a lesion row of one exam and a lesion row of a later one (Ctrl+click), then draw."
FOLLOWING = "Following the patient from exam to exam …"
NO_COURSE = "The course appears when a result has two exams or more, each with its date."

SIGN, REOPEN, EXPORT, EXPORT_DICOM = "Sign", "Reopen", "Export page, NIfTI and CSV…", "Export SEG and SR…"
YOUR_NAME, YOUR_NOTE = "Your name", "Note (optional)"
SIGNED = "Version {version} signed by {who} on {when}. It is read-only until reopened."
UNSIGNED = "Not signed. {changes}"
NOTHING_CHANGED = "Nothing was changed yet."
CHANGED = "{count} regions changed; {added:.2f} mL added, {removed:.2f} mL taken away."
READ_ONLY = "This version is signed. Reopen it in the tab Sign to change it."
RESTORED = "Your unsigned changes of the last session are back."
EXPORTED = "Written to {folder}."
NO_DICOM_EXPORT = "This bmetk has no DICOM export."
LOG_COLUMNS = ("When", "Who", "What", "Version", "Changed")

OTHER_PATIENT = (
    "That result is of another patient than the one open: it was not opened. Close this one first."
)
OTHER_RESULT = (
    "Another result is open: that one was not opened. Remove its layers first, or track both together."
)
NO_RESULT = "folder {name!r} holds neither a result of bmetk nor DICOM images; open another one"
AUTOSAVED = "Draft saved."
DRAFT_ASIDE = "This folder is read-only: your draft is kept in your own data folder."
