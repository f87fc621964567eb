"""Which series are taken is shown, changeable, and never another patient's."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from bmetk.errors import GridMismatchError, InputError, MissingSeriesError, SeriesMismatchError
from bmetk.exam import Contrast, ExamResult, Plane, Series
from bmetk.image import ScalarImage
from bmetk.review import (
    begin,
    choose,
    holds_dicom,
    list_choices,
    load_choice,
    run_choices,
    run_edema_again,
    with_exams,
    with_source,
)
from bmetk.review import run as run_module
from bmetk.review.pick import SeriesChoice
from bmetk.simulate.sample import find_sample
from tests.conftest import make_grid
from tests.review.phantom import knee


@pytest.fixture(scope="module")
def study() -> Path:
    """Name a study of one knee that ships with bmetk."""
    return find_sample() / "studies" / "20230523_1"


@pytest.fixture(scope="module")
def choice(study: Path) -> SeriesChoice:
    """List the one exam of the study."""
    (only,), skipped = list_choices(study)
    assert skipped == ()
    return only


def test_the_choice_names_both_series_by_number_contrast_and_plane(choice: SeriesChoice):
    assert choice.plan.title == "right knee on 2023-05-23"
    assert choice.t1.startswith("series 301: T1, coronal")
    assert ": STIR, coronal" in choice.fluid
    assert len(choice.choices) >= 3


def test_another_series_is_loaded_once_it_is_chosen(choice: SeriesChoice):
    other = next(name for name in choice.choices if name not in (choice.t1, choice.fluid))
    changed = choose(choice, t1=other, fluid=choice.fluid)
    assert changed.t1 == other
    assert load_choice(changed).t1.number == choice.choices[other].number
    assert load_choice(choice).t1.number == 301


def test_one_series_for_both_or_a_foreign_one_is_refused(choice: SeriesChoice):
    with pytest.raises(InputError, match="choose two different series"):
        choose(choice, t1=choice.t1, fluid=choice.t1)
    with pytest.raises(InputError, match="not in this study"):
        choose(choice, t1="series 99", fluid=choice.fluid)


def test_a_result_gets_the_series_of_its_own_study_alone(choice: SeriesChoice):
    loaded = load_choice(choice)
    result = knee(make_grid("coronal"))
    own = replace(result.exam, joint=loaded.joint, side=loaded.side, date=loaded.date, patient=loaded.patient)
    with pytest.raises(SeriesMismatchError, match="another patient"):
        with_source(result, (choice,))
    with pytest.raises(MissingSeriesError, match="no exam of this day"):
        with_source(replace(result, exam=replace(own, date=date(2001, 1, 1))), (choice,))
    with pytest.raises(GridMismatchError, match="the series of that study"):
        with_source(replace(result, exam=own), (choice,))


def test_dicom_is_told_from_other_folders(study: Path, tmp_path: Path):
    assert holds_dicom(study)
    (tmp_path / "notes.txt").write_text("DICM", encoding="utf-8")
    assert not holds_dicom(tmp_path)
    assert not holds_dicom(tmp_path / "missing")


def test_a_run_without_an_exam_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="tick at least one exam"):
        run_choices((), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_edema_is_found_again_in_the_bones_as_corrected(monkeypatch: pytest.MonkeyPatch):
    grid = make_grid("coronal")
    draft = begin(knee(grid))
    with pytest.raises(MissingSeriesError, match="show them first"):
        run_edema_again(draft)
    series = Series(ScalarImage(np.ones(grid.shape), grid), Contrast.STIR, Plane.CORONAL)
    with_images = replace(draft.base.exam, t1=series, fluid=series)
    bones = draft.bones.labels.array.copy()
    bones[:8] = 0
    labels = replace(draft.bones.labels, array=bones)
    draft = replace(
        draft, base=replace(draft.base, exam=with_images), bones=replace(draft.bones, labels=labels)
    )
    seen = []

    def analyse(exam, **_options) -> ExamResult:
        seen.append(exam.bones.labels.array)
        return replace(knee(grid, size_mm=4.0), bones=exam.bones)

    monkeypatch.setattr(run_module, "analyze", analyse)
    again = run_edema_again(replace(draft, accepted=frozenset({(1, 1, 1)})))
    np.testing.assert_array_equal(seen[0], bones)
    assert again.edema.volume_ml < draft.edema.volume_ml
    assert again.accepted == frozenset()
    assert again.base is not None
    assert again.base.edema is draft.base.edema, "what was changed is told against the version reviewed"


def test_series_are_given_to_the_exam_of_their_day_alone(tmp_path: Path):
    from bmetk.export import save_result
    from bmetk.review import open_review

    grid = make_grid("axial")
    result = knee(grid)
    save_result(result, tmp_path / "knee")
    review = open_review(tmp_path / "knee")
    series = Series(ScalarImage(np.ones(grid.shape), grid), Contrast.STIR, Plane.AXIAL)
    exam = replace(result.exam, fluid=series)
    assert (
        with_exams(review, [replace(exam, date=date(2001, 1, 1))]).drafts["1_knee_left"].base.exam.fluid
        is None
    )
    assert with_exams(review, [exam]).drafts["1_knee_left"].base.exam.fluid is series
