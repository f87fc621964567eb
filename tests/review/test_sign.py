"""A signature is recorded, read-only and cannot be changed unseen; a draft outlives a crash."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest

from bmetk.errors import InputError, OutputError, UnreadableFileError
from bmetk.export import load_result, save_result, save_timeline
from bmetk.pipeline import track_exams
from bmetk.review import (
    Action,
    Review,
    Verdict,
    drop_draft,
    open_review,
    place_of_lesion,
    read_audit,
    reopen,
    save_draft,
    sign,
    with_marks,
    write_review,
)
from bmetk.review.links import LinkVerdict
from tests.conftest import make_grid
from tests.review.phantom import knee

NOW = datetime(2026, 1, 2, 9, 30, tzinfo=UTC)
NAME = "1_knee_left"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write one exam as `bmetk analyze` does."""
    save_result(knee(make_grid("coronal")), tmp_path / "knee")
    return tmp_path / "knee"


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """Write two exams as `bmetk track` does."""
    grid = make_grid("sagittal")
    exams = {NAME: knee(grid), "2_knee_left": knee(grid, day=date(2024, 9, 1), size_mm=8.0)}
    timeline = track_exams(list(exams.values()), folders=list(exams))
    save_timeline(timeline, tmp_path / "course", exams=exams)
    return tmp_path / "course"


def halved(review: Review, name: str = NAME) -> Review:
    """Erase the lower half of one exam's edema."""
    draft = review.drafts[name]
    edema = np.argwhere(draft.edema.array)
    marks = draft.marks.array.copy()
    marks[tuple(edema[: len(edema) // 2].T)] = 0
    return review.with_draft(name, with_marks(draft, marks))


def total_ml(folder: Path) -> float:
    return sum(row.edema_ml or 0.0 for row in load_result(folder).measurements)


def test_signing_writes_a_version_and_leaves_the_result_as_it_was(folder: Path):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    review = sign(halved(open_review(folder)), who="Reader", when=NOW, note="half of it is fluid")
    assert review.is_signed
    assert review.version == 1
    assert {name: (folder / name).read_bytes() for name in before} == before
    assert total_ml(review.home / "signed" / "1") == pytest.approx(total_ml(folder) / 2, rel=0.02)
    assert (review.home / "signed" / "1" / "report.html").is_file()


def test_the_record_tells_who_when_what_by_how_much_and_from_which_version(folder: Path):
    sign(halved(open_review(folder)), who="Reader", when=NOW, note="fluid")
    (entry,) = read_audit(folder / "review")
    assert (entry.action, entry.who, entry.when, entry.note) == (Action.SIGNED, "Reader", NOW, "fluid")
    assert (entry.version, entry.from_version) == (1, 0)
    changed = entry.changes[NAME]["regions"]
    assert sum(it["before_ml"] - it["after_ml"] for it in changed) == pytest.approx(
        entry.changes[NAME]["removed_ml"], rel=1e-4
    )


def test_a_signed_review_is_refused_until_it_is_reopened(folder: Path):
    signed = sign(halved(open_review(folder)), who="A", when=NOW)
    with pytest.raises(InputError, match="signed already; reopen it"):
        sign(signed, who="A", when=NOW)
    again = reopen(signed, who="B", when=NOW)
    assert not again.is_signed
    second = sign(halved(again), who="B", when=NOW)
    assert [(it.action, it.version, it.from_version) for it in second.log] == [
        (Action.SIGNED, 1, 0),
        (Action.REOPENED, 1, 1),
        (Action.SIGNED, 2, 1),
    ]
    assert total_ml(second.home / "signed" / "2") == pytest.approx(total_ml(folder) / 4, rel=0.05)
    with pytest.raises(InputError, match="not signed"):
        reopen(again, who="B", when=NOW)


def test_a_signature_without_a_name_is_refused(folder: Path):
    with pytest.raises(InputError, match="needs a name"):
        sign(open_review(folder), who="  ", when=NOW)


@pytest.mark.parametrize("change", ["edit", "drop"])
def test_a_record_that_was_changed_is_noticed(folder: Path, change: str):
    signed = sign(halved(open_review(folder)), who="Reader", when=NOW)
    reopen(signed, who="Reader", when=NOW)
    path = folder / "review" / "audit.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines()
    lines = [lines[0].replace("Reader", "Other"), lines[1]] if change == "edit" else lines[1:]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(UnreadableFileError, match="does not follow from the line before"):
        open_review(folder)


def test_a_signed_version_whose_files_were_changed_is_told(folder: Path):
    review = sign(open_review(folder), who="Reader", when=NOW)
    path = review.home / "signed" / "1" / "measurements.csv"
    path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert "not as it was signed" in open_review(folder).trouble


def test_a_draft_outlives_the_program(folder: Path):
    review = halved(open_review(folder))
    draft = replace(
        review.drafts[NAME],
        accepted=frozenset({(1, 2, 3)}),
        split=frozenset({(4, 5, 6)}),
        findings={"joint_effusion/": False},
    )
    save_draft(review.with_draft(NAME, draft))
    back = open_review(folder)
    assert back.restored
    np.testing.assert_array_equal(back.drafts[NAME].marks.array, draft.marks.array)
    kept = back.drafts[NAME]
    assert (kept.accepted, kept.split, kept.findings) == (draft.accepted, draft.split, draft.findings)


def test_corrected_bones_and_links_outlive_the_program(course: Path):
    review = open_review(course)
    draft = review.drafts[NAME]
    bones = draft.bones.labels.array.copy()
    bones[0] = 0
    draft = replace(draft, bones=replace(draft.bones, labels=type(draft.marks)(bones, draft.marks.grid)))
    link = LinkVerdict(
        Verdict.CUT,
        place_of_lesion(NAME, draft.base.lesions[0]),
        place_of_lesion("2_knee_left", review.drafts["2_knee_left"].base.lesions[0]),
    )
    save_draft(replace(review.with_draft(NAME, draft), verdicts=(link,)))
    back = open_review(course)
    np.testing.assert_array_equal(back.drafts[NAME].bones.labels.array, bones)
    assert back.verdicts[0].verdict is Verdict.CUT
    assert back.verdicts[0].before.centroid_mm == pytest.approx(link.before.centroid_mm, rel=1e-5)


def test_a_draft_is_gone_once_it_is_signed_or_dropped(folder: Path):
    review = halved(open_review(folder))
    path = save_draft(review)
    sign(review, who="Reader", when=NOW)
    assert not path.exists()
    save_draft(review)
    drop_draft(review)
    assert not path.exists()


def test_a_damaged_draft_is_told_and_the_result_opens(folder: Path):
    path = save_draft(halved(open_review(folder)))
    path.write_bytes(path.read_bytes()[:100])
    review = open_review(folder)
    assert "damaged" in review.trouble
    assert not review.is_touched


def test_a_result_that_changed_under_the_review_is_not_signed(folder: Path):
    review = halved(open_review(folder))
    save_draft(review)
    changed = knee(make_grid("coronal"), size_mm=7.0)
    for path in list(folder.iterdir()):
        if path.is_file():
            path.unlink()
    save_result(changed, folder.with_name("new"))
    for path in folder.with_name("new").iterdir():
        shutil.move(path, folder)
    with pytest.raises(InputError, match="changed on disk since it was opened"):
        sign(review, who="Reader", when=NOW)
    again = open_review(folder)
    assert "draft-of-an-earlier-result-1.npz" in again.trouble
    assert (folder / "review" / "draft-of-an-earlier-result-1.npz").is_file()


def test_a_draft_of_a_read_only_result_is_kept_in_the_readers_own_folder(folder: Path, tmp_path: Path):
    review = halved(open_review(folder))
    (folder / "review").write_text("in the way", encoding="utf-8")  # root may write into any folder
    spare = tmp_path / "own"
    assert save_draft(review, spare=spare).parent == spare
    with pytest.raises(OutputError, match="cannot be saved"):
        save_draft(review)
    (folder / "review").unlink()
    assert open_review(folder, spare=spare).restored


def test_nothing_is_signed_where_the_record_cannot_be_written(folder: Path):
    review = halved(open_review(folder))
    (folder / "review").mkdir()
    (folder / "review" / "audit.jsonl").mkdir()
    with pytest.raises(InputError, match=r"audit\.jsonl"):
        sign(review, who="Reader", when=NOW)
    assert not (folder / "review" / "signed" / "1").exists()


def test_a_signed_course_is_a_course_again(course: Path):
    review = sign(halved(open_review(course), "2_knee_left"), who="Reader", when=NOW)
    home = review.home / "signed" / "1"
    document = json.loads((home / "timeline.json").read_text(encoding="utf-8"))
    last = [event for event in document["events"] if event["exam"] == "2_knee_left"]
    assert sum(event["edema_ml_after"] for event in last) == pytest.approx(
        total_ml(home / "2_knee_left"), rel=0.01
    )
    told = json.loads((home / "review.json").read_text(encoding="utf-8"))
    assert (told["signed_by"], told["from_version"]) == ("Reader", 0)
    assert list(review.drafts) == [NAME, "2_knee_left"]


def test_an_export_is_a_result_that_opens(folder: Path, tmp_path: Path):
    write_review(halved(open_review(folder)), tmp_path / "out")
    assert load_result(tmp_path / "out").lesions
    assert json.loads((tmp_path / "out" / "review.json").read_text(encoding="utf-8"))["signed"] is False


def test_no_identity_of_the_patient_is_in_record_draft_or_version(folder: Path):
    review = halved(open_review(folder))
    draft = review.drafts[NAME]
    patient = replace(draft.base.exam.patient, identity={"name": "SECRET^NAME"}, key="SECRET")
    base = replace(draft.base, exam=replace(draft.base.exam, patient=patient))
    review = review.with_draft(NAME, replace(draft, base=base))
    path = save_draft(review)
    written = [path.read_bytes()]
    sign(review, who="Reader", when=NOW)
    written += [path.read_bytes() for path in (folder / "review").rglob("*") if path.is_file()]
    assert len(written) > 5
    assert not any(b"SECRET" in content for content in written)


def test_a_folder_without_result_is_told(tmp_path: Path):
    with pytest.raises(UnreadableFileError, match="holds no result"):
        open_review(tmp_path)
