"""Many patients: each gets a timeline or a reason, and the cohort one whole table."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path

import pytest

from bmetk.batch import (
    COHORT_TABLE,
    RESOLUTION_FIGURE,
    RESOLUTION_TABLE,
    SOURCE_FILE,
    PatientOutcome,
    run_batch,
)
from bmetk.bones import BoneSettings
from bmetk.config import Settings
from bmetk.dicom import scan
from bmetk.errors import InputError, OutputError
from bmetk.exam import Exam, ExamResult
from bmetk.pipeline import analyze
from bmetk.study import ReadOptions
from tests.dicom.conftest import SeriesWriter
from tests.export.fakes import small_result

KNEE = {"BodyPartExamined": "KNEE", "Laterality": "R"}
DAYS = {"anna": "20240105", "berta": "20240310"}


def write_patient(root: Path, name: str, protocols: Sequence[str] = ("t1", "stir")) -> str:
    """Write one study of a right knee, and give the patient's pseudonym."""
    study = SeriesWriter(root / name, patient_id=f"ID-{name}", date=DAYS[name])
    for protocol in protocols:
        study.series(protocol, KNEE)
    (pseudonym,) = scan(root / name).pseudonyms()
    return pseudonym


def run(root: Path, out: Path, **options) -> dict[str, PatientOutcome]:
    outcomes = run_batch(root, out, settings=Settings(), options=ReadOptions(), **options)
    return {outcome.patient: outcome for outcome in outcomes}


def table(out: Path) -> list[dict[str, str]]:
    with (out / COHORT_TABLE).open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture
def analysed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stand in for the analysis, and list the patients that went through it."""
    patients: list[str] = []

    def quick(exam: Exam, **options) -> ExamResult:
        patients.append(exam.patient.pseudonym)
        if exam.fluid is None:
            return analyze(exam, **options)
        found = small_result()
        seen = replace(found.exam, patient=exam.patient, date=exam.date)
        return replace(found, exam=seen)

    monkeypatch.setattr("bmetk.pipeline.analyze", quick)
    return patients


@pytest.fixture
def fail(monkeypatch: pytest.MonkeyPatch) -> Callable[[Exception], None]:
    """Let the analysis of every patient end in an error."""

    def fail_with(error: Exception) -> None:
        def broken(exam: Exam, **options) -> ExamResult:
            raise error

        monkeypatch.setattr("bmetk.pipeline.analyze", broken)

    return fail_with


def test_every_patient_gets_a_timeline_and_rows_in_the_table(tmp_path: Path, analysed: list[str]) -> None:
    root, out = tmp_path / "root", tmp_path / "out"
    anna, berta = write_patient(root, "anna"), write_patient(root, "berta")
    outcomes = run(root, out)
    assert {name: outcome.status for name, outcome in outcomes.items()} == {anna: "done", berta: "done"}
    assert sorted(path.name for path in out.iterdir()) == sorted(
        [anna, berta, COHORT_TABLE, RESOLUTION_TABLE, RESOLUTION_FIGURE]
    )
    assert (out / anna / "1_knee_right/exam.json").is_file()
    (row,) = (r for r in table(out) if r["patient"] == berta and r["region"] == "medial_femoral_condyle")
    assert (row["status"], row["state"]) == ("done", "measured")
    assert (row["date"], row["side"]) == ("2024-03-10", "right")
    assert [float(row[f"edema_ml{end}"]) for end in ("_low", "", "_high")] == [8.0, 9.216, 10.0]


def test_a_region_that_was_not_imaged_has_no_volume_in_the_table(tmp_path: Path, analysed: list[str]) -> None:
    write_patient(tmp_path / "root", "anna")
    run(tmp_path / "root", tmp_path / "out")
    (row,) = (r for r in table(tmp_path / "out") if r["region"] == "patella")
    assert (row["state"], float(row["coverage"]), row["edema_ml"]) == ("not_imaged", 0.0, "")


def test_a_patient_that_fails_is_named_with_the_reason_and_the_others_go_on(
    tmp_path: Path, analysed: list[str]
) -> None:
    root, out = tmp_path / "root", tmp_path / "out"
    anna, berta = write_patient(root, "anna", ["t1"]), write_patient(root, "berta")
    outcomes = run(root, out)
    assert (outcomes[anna].status, outcomes[berta].status) == ("failed", "done")
    assert "no fluid-sensitive series" in outcomes[anna].reason
    assert not (out / anna).exists()
    (row,) = (r for r in table(out) if r["patient"] == anna)
    assert (row["status"], row["reason"], row["region"]) == ("failed", outcomes[anna].reason, "")
    assert {r["status"] for r in table(out) if r["patient"] == berta} == {"done"}


def test_a_second_run_does_only_what_is_missing(tmp_path: Path, analysed: list[str]) -> None:
    root, out = tmp_path / "root", tmp_path / "out"
    anna = write_patient(root, "anna")
    unfinished = SeriesWriter(root / "berta", patient_id="ID-berta", date=DAYS["berta"])
    unfinished.series("t1", KNEE)
    first = run(root, out)
    before = (out / anna / "timeline.json").stat().st_mtime_ns
    analysed.clear()
    unfinished.series("stir", KNEE)
    second = run(root, out)
    assert sorted(outcome.status for outcome in first.values()) == ["done", "failed"]
    assert {outcome.status for outcome in second.values()} == {"done"}
    assert len(analysed) == 1
    assert anna not in analysed
    assert (out / anna / "timeline.json").stat().st_mtime_ns == before
    assert {row["patient"] for row in table(out)} == set(second)


def test_a_patient_is_done_again_when_an_exam_or_the_settings_change(
    tmp_path: Path, analysed: list[str]
) -> None:
    root, out = tmp_path / "root", tmp_path / "out"
    anna, berta = write_patient(root, "anna"), write_patient(root, "berta")
    later = SeriesWriter(root / "later", patient_id="ID-anna", date="20240210")
    later.series("t1", KNEE)
    assert [exam.name for exam in run(root, out)[anna].skipped] == ["2_knee_right"]
    analysed.clear()
    later.series("stir", KNEE)
    assert run(root, out)[anna].skipped == ()
    assert set(analysed) == {anna}
    analysed.clear()
    other = Settings(bones=BoneSettings(least_confidence=0.3))
    run_batch(root, out, settings=other, options=ReadOptions())
    assert set(analysed) == {anna, berta}


def test_an_earlier_result_stays_when_doing_it_again_fails(
    tmp_path: Path, analysed: list[str], fail: Callable[[Exception], None]
) -> None:
    root, out = tmp_path / "root", tmp_path / "out"
    anna = write_patient(root, "anna")
    run(root, out)
    before = (out / anna / "timeline.json").read_bytes()
    SeriesWriter(root / "later", patient_id="ID-anna", date="20240210").series("t1", KNEE)
    fail(MemoryError())
    assert run(root, out)[anna].status == "failed"
    assert (out / anna / "timeline.json").read_bytes() == before


def test_a_result_that_no_batch_wrote_is_left_alone(tmp_path: Path, analysed: list[str]) -> None:
    root, out = tmp_path / "root", tmp_path / "out"
    anna = write_patient(root, "anna")
    run(root, out)
    (out / anna / SOURCE_FILE).unlink()
    analysed.clear()
    assert run(root, out)[anna].status == "done"
    assert analysed == []


def test_an_exam_that_cannot_be_used_is_a_row_of_its_own_and_its_patient_is_done(
    tmp_path: Path, analysed: list[str]
) -> None:
    root, out = tmp_path / "root", tmp_path / "out"
    anna = write_patient(root, "anna")
    SeriesWriter(root / "later", patient_id="ID-anna", date="20240210").series("t1", KNEE)
    first = run(root, out)
    assert first[anna].status == "done"
    assert [exam.name for exam in first[anna].skipped] == ["2_knee_right"]
    (row,) = (r for r in table(out) if r["status"] == "skipped")
    assert (row["patient"], row["exam"], row["date"], row["side"]) == (
        anna,
        "2_knee_right",
        "2024-02-10",
        "right",
    )
    assert "no fluid-sensitive series" in row["reason"]
    assert (row["region"], row["edema_ml"]) == ("", "")
    assert {r["status"] for r in table(out)} == {"done", "skipped"}
    before = (out / COHORT_TABLE).read_bytes()
    assert run(root, out) == first
    assert (out / COHORT_TABLE).read_bytes() == before


def test_an_exam_that_cannot_be_loaded_does_not_fail_its_patient(tmp_path: Path, analysed: list[str]) -> None:
    root, out = tmp_path / "root", tmp_path / "out"
    anna = write_patient(root, "anna")
    later = SeriesWriter(root / "later", patient_id="ID-anna", date="20240210")
    later.series("t1", KNEE)
    later.series("stir", KNEE, offsets_mm=[0, 4, 8, 16, 20])
    outcome = run(root, out)[anna]
    assert outcome.status == "done"
    assert ["a slice is missing" in exam.reason for exam in outcome.skipped] == [True]


def test_damaged_files_of_the_cohort_are_told_once(
    tmp_path: Path, analysed: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    root = tmp_path / "root"
    for name in DAYS:
        write_patient(root, name)
    (root / "half.dcm").write_bytes(next((root / "anna").iterdir()).read_bytes()[:200])
    run(root, tmp_path / "out")
    assert [record.getMessage().partition(";")[0] for record in caplog.records] == [
        "1 file is damaged and left out"
    ]


@pytest.mark.parametrize("error", [IndexError("Doe^Jane"), MemoryError(), EOFError("Doe^Jane")])
def test_a_surprise_fails_its_patient_alone_and_says_nothing_private(
    tmp_path: Path, fail: Callable[[Exception], None], error: Exception
) -> None:
    anna = write_patient(tmp_path / "root", "anna")
    fail(error)
    outcome = run(tmp_path / "root", tmp_path / "out")[anna]
    assert outcome.status == "failed"
    assert type(error).__name__ in outcome.reason
    assert "Doe" not in outcome.reason


def test_several_patients_at_a_time_give_the_same_table(
    tmp_path: Path, analysed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "root"
    write_patient(root, "anna", ["t1"])
    write_patient(root, "berta")
    one = run(root, tmp_path / "one")
    monkeypatch.setattr("bmetk.batch.ProcessPoolExecutor", ThreadPoolExecutor)  # processes know no stand-in
    two = run(root, tmp_path / "two", jobs=2)
    assert one == two
    assert (tmp_path / "one" / COHORT_TABLE).read_bytes() == (tmp_path / "two" / COHORT_TABLE).read_bytes()


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_processes_of_their_own_give_back_the_reasons(tmp_path: Path) -> None:
    root = tmp_path / "root"
    both = {write_patient(root, name, ["t1"]) for name in DAYS}
    outcomes = run(root, tmp_path / "out", jobs=2)
    assert set(outcomes) == both
    assert all("no fluid-sensitive series" in outcome.reason for outcome in outcomes.values())


def test_a_process_ended_from_outside_fails_its_patients_and_the_table_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(ThreadPoolExecutor):
        def submit(self, *task: object) -> Future[str]:
            future: Future[str] = Future()
            future.set_exception(BrokenProcessPool("killed"))
            return future

    anna = write_patient(tmp_path / "root", "anna")
    monkeypatch.setattr("bmetk.batch.ProcessPoolExecutor", Killed)
    outcome = run(tmp_path / "root", tmp_path / "out", jobs=2)[anna]
    assert "fewer --jobs" in outcome.reason
    assert [row["reason"] for row in table(tmp_path / "out")] == [outcome.reason]


def test_the_table_is_written_whole_or_not_at_all(
    tmp_path: Path, analysed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, out = tmp_path / "root", tmp_path / "out"
    anna = write_patient(root, "anna")
    run(root, out)
    before = (out / COHORT_TABLE).read_bytes()
    write_patient(root, "berta", ["t1"])

    def full(path: Path, content: bytes) -> None:
        path.write_text("half", encoding="utf-8")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match="No space left"):
        run(root, out)
    assert (out / COHORT_TABLE).read_bytes() == before
    assert {path.name for path in out.iterdir()} == {anna, COHORT_TABLE, RESOLUTION_TABLE, RESOLUTION_FIGURE}


@pytest.mark.parametrize(
    "damage",
    ["", "{}", '{"regions": [{"points": [{}]}]}', '{"regions": [], "skipped": [{}]}', "[]"],
)
def test_a_damaged_timeline_of_an_earlier_run_is_told(
    tmp_path: Path, analysed: list[str], damage: str
) -> None:
    root, out = tmp_path / "root", tmp_path / "out"
    anna = write_patient(root, "anna")
    (out / anna).mkdir(parents=True)
    (out / anna / "timeline.json").write_text(damage, encoding="utf-8")
    outcome = run(root, out)[anna]
    assert outcome.status == "failed"
    assert "timeline.json" in outcome.reason
    assert [row["status"] for row in table(out)] == ["failed"]


def test_progress_is_told_once_a_patient(tmp_path: Path, analysed: list[str]) -> None:
    told: list[tuple[str, float]] = []
    both = {write_patient(tmp_path / "root", name, ["t1"]) for name in DAYS}
    run(tmp_path / "root", tmp_path / "out", on_progress=lambda what, share: told.append((what, share)))
    assert {what for what, _ in told} == both
    assert [share for _, share in told] == [0.5, 1.0]


def test_a_folder_without_patients_is_refused_and_nothing_is_made(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    with pytest.raises(InputError, match="no DICOM image below root"):
        run(tmp_path / "root", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_file_is_no_folder_for_results(tmp_path: Path) -> None:
    write_patient(tmp_path / "root", "anna", ["t1"])
    (tmp_path / "out").write_text("mine", encoding="utf-8")
    with pytest.raises(OutputError, match="choose another folder"):
        run(tmp_path / "root", tmp_path / "out")


def test_the_command_names_who_failed_and_leaves_with_status_four(
    tmp_path: Path, analysed: list[str]
) -> None:
    root, out = tmp_path / "root", tmp_path / "out"
    write_patient(root, "anna")
    run(root, out)
    berta = write_patient(root, "berta", ["t1"])
    words = ["batch", str(root), "--out", str(out)]
    done = subprocess.run(
        [sys.executable, "-m", "bmetk", *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 4, done.stderr
    assert done.stdout.startswith("1 of 2 patients done")
    told = [line for line in done.stderr.splitlines() if line.startswith(f"bmetk: {berta}: ")]
    assert len(told) == 1
    assert "no fluid-sensitive series" in told[0]
    assert not any(word in done.stdout + done.stderr for word in ("Doe", "ID-berta"))


def test_the_command_names_exams_left_out_and_leaves_with_status_zero(
    tmp_path: Path, analysed: list[str]
) -> None:
    root, out = tmp_path / "root", tmp_path / "out"
    anna = write_patient(root, "anna")
    SeriesWriter(root / "later", patient_id="ID-anna", date="20240210").series("t1", KNEE)
    run(root, out)
    words = ["batch", str(root), "--out", str(out)]
    done = subprocess.run(
        [sys.executable, "-m", "bmetk", *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("1 of 1 patients done, 1 exam left out; table: ")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"bmetk: {anna}: exam 2_knee_right (2024-02-10) is left out: no fluid-sensitive")


def test_the_cohort_s_resolution_is_written_by_region(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two patients with one edematous region each, examined twice; one resolves half a year apart."""

    def quick(exam: Exam, **options) -> ExamResult:
        found = small_result()
        assert exam.date is not None
        gone = exam.date.year == 2025
        rows = tuple(replace(m, coverage=1.0, edema_ml=0.0 if gone else 8.0) for m in found.measurements[:1])
        return replace(
            found,
            exam=replace(found.exam, patient=exam.patient, date=exam.date),
            measurements=rows,
        )

    monkeypatch.setattr("bmetk.pipeline.analyze", quick)
    for name, dates in (("anna", ("20240105", "20250104")), ("berta", ("20240310",))):
        for date in dates:
            study = SeriesWriter(tmp_path / "root" / name / date, patient_id=f"ID-{name}", date=date)
            for protocol in ("t1", "stir"):
                study.series(protocol, KNEE)
    run(tmp_path / "root", tmp_path / "out")
    with (tmp_path / "out" / RESOLUTION_TABLE).open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    overall = [row for row in rows if row["group"] == "all"]
    assert {(row["sites"], row["resolved"]) for row in overall} == {("2", "1")}
    steps = {float(row["days"]): float(row["share"]) for row in overall}
    assert steps[182.5] == 0.0  # the middle of the year between the two exams; nobody else is left by then
    assert {row["group"] for row in rows} == {"all", small_result().measurements[0].region}
    assert (tmp_path / "out" / RESOLUTION_FIGURE).read_bytes().startswith(b"\x89PNG")


def test_a_cohort_in_which_nothing_resolved_has_a_table_all_the_same(
    tmp_path: Path, analysed: list[str]
) -> None:
    write_patient(tmp_path / "root", "anna")
    run(tmp_path / "root", tmp_path / "out")
    with (tmp_path / "out" / RESOLUTION_TABLE).open(newline="", encoding="utf-8") as stream:
        assert "median_days" in (csv.DictReader(stream).fieldnames or ())
    assert (tmp_path / "out" / RESOLUTION_FIGURE).is_file()
