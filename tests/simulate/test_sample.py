"""The shipped patient is whole, small, and made from its recipe."""

from __future__ import annotations

import shutil

import pytest

from bmetk.anatomy import Joint
from bmetk.errors import UnreadableFileError
from bmetk.simulate import sample
from bmetk.simulate.patient import simulate_to
from bmetk.simulate.sample import check_sample, find_sample, make_sample
from bmetk.simulate.specfile import read_spec
from bmetk.simulate.truth import expected_regions, read_truth
from tests.simulate.fake_exams import fake_exam

LARGEST_BYTES = 30e6


def test_sample_matches_its_checksums_and_is_small():
    assert check_sample(find_sample()) <= LARGEST_BYTES


def test_truth_shows_the_edema_of_the_recipe():
    folder = find_sample()
    (patient,) = read_spec(folder / "recipe.toml")
    truths = {(t.date, t.joint): t for t in map(read_truth, sorted((folder / "truth").iterdir()))}
    assert len(truths) == len(patient.exams)
    for exam in patient.exams:
        stored = truths[exam.date, exam.joint]
        shown = {(m.side, m.region) for m in stored.measurements if (m.edema_ml or 0) > 0.5}
        assert shown == set(expected_regions(exam)) == set(stored.expected)


def test_sample_migrates_from_hip_to_knee_to_hip_and_resolves():
    (patient,) = read_spec(find_sample() / "recipe.toml")
    assert [exam.joint for exam in patient.exams] == [Joint.HIP, Joint.KNEE, Joint.HIP, Joint.KNEE]
    assert patient.exams[-1].lesions == ()


@pytest.fixture
def made(project, tmp_path, monkeypatch):
    """Make the sample from analytic exams, in the time of a test."""

    def quick(*args, **kwargs):
        return simulate_to(*args, **kwargs, simulator=lambda spec: fake_exam(spec, shape=(2, 40, 36)))

    monkeypatch.setattr(sample, "simulate_to", quick)
    shutil.copy(project / "sample_data" / "recipe.toml", tmp_path)
    make_sample(tmp_path)
    return tmp_path


def test_making_it_twice_gives_equal_bytes(made):
    before = (made / "SHA256SUMS").read_bytes()
    make_sample(made)
    assert (made / "SHA256SUMS").read_bytes() == before
    assert [path.name for path in (made / "studies").iterdir() if path.name.startswith("2023")]
    assert not list(made.glob(".making-*"))


@pytest.mark.parametrize("change", ["damage", "remove", "add"])
def test_changed_sample_is_told(made, change):
    victim = next(path for path in (made / "studies").rglob("*") if path.is_file())
    if change == "damage":
        victim.write_bytes(b"other")
    elif change == "remove":
        victim.unlink()
    else:
        victim.with_name("stranger").write_bytes(b"new")
    with pytest.raises(UnreadableFileError, match="make sample restores it"):
        check_sample(made)
