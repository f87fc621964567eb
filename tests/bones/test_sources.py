"""Bones of other makers: providers by entry point, and given bones divided into regions."""

from dataclasses import replace
from datetime import date
from importlib.metadata import EntryPoint

import numpy as np
import pytest

from bmetk.anatomy import BONE_LABELS, Joint, Label, Region, Side
from bmetk.bones import (
    BoneSettings,
    divide_given,
    find_bones,
    names_bones,
    provide_bones,
    search_given,
    sources,
)
from bmetk.errors import SettingsError, UnknownNameError
from bmetk.exam import CheckStatus, Segmentation
from bmetk.image import LabelMap, RigidTransform
from bmetk.simulate.exam import simulate_exam
from bmetk.simulate.protocols import coarsen
from bmetk.simulate.spec import ExamSpec, SubjectSpec


@pytest.fixture(scope="module", params=[Joint.HIP, Joint.KNEE, Joint.FOOT])
def exam(request):
    spec = ExamSpec(
        joint=request.param, side=Side.LEFT, date=date(2024, 3, 1), subject=SubjectSpec(seed=31), seed=32
    )
    return simulate_exam(replace(spec, protocol=coarsen(spec.protocol, 1.5)))


def dice(a, b):
    return 2 * np.sum(a & b) / max(a.sum() + b.sum(), 1)


def test_given_bones_are_divided_as_the_simulated_ones_are(exam):
    given = divide_given(exam.truth.bones, exam.spec.joint, exam.spec.side)
    bones, regions = given.place(exam.truth.bones.grid)
    assert np.array_equal(bones.labels.array, exam.truth.bones.labels.array)
    truth = exam.truth.regions
    for value, label in truth.present().items():
        true = truth.labels.array == value
        if true.sum() * truth.grid.voxel_ml < 1.0 or label.name == Region.DISTAL_PHALANGES:
            continue
        assert dice(regions.labels.array == value, true) > 0.8, label


def test_joint_and_side_of_given_bones_need_no_tags(exam):
    given = divide_given(exam.truth.bones)
    expected = Joint.ANKLE if exam.spec.joint is Joint.FOOT else exam.spec.joint
    assert given.joint is expected
    if exam.spec.joint is not Joint.HIP:
        assert given.side is exam.spec.side


def test_bones_without_names_are_recognised_in_the_picture(exam):
    true, unnamed = exam.truth.bones, {v: Label(f"label_{v}", None, f"label_{v}") for v in range(256)}
    told, check = search_given(
        Segmentation(true.labels, unnamed),
        exam.t1.image,
        exam.fluid.image,
        RigidTransform.identity(),
        joint=exam.spec.joint,
        side=exam.spec.side,
        settings=BoneSettings(),
    )
    assert check.status is CheckStatus.OK
    assert told is not None
    names = {value: label.name for value, label in true.present().items()}
    right = [
        told[0].meaning[value].name == names[own]
        for own, value in zip(true.labels.array.ravel(), told[0].labels.array.ravel(), strict=True)
        if own
    ]
    assert np.mean(right) > 0.95


def test_labels_that_are_no_bones_are_refused(exam):
    wrong = Segmentation(
        exam.truth.bones.labels, {v: Label(f"label_{v}", None, f"label_{v}") for v in range(256)}
    )
    assert not names_bones(wrong)
    with pytest.raises(UnknownNameError, match="give one of femur"):
        divide_given(wrong)


class Entry:
    """An installed provider."""

    def __init__(self, name, provider):
        self.name, self.provider = name, provider

    def load(self):
        return self.provider


def test_a_provider_of_the_settings_takes_the_place_of_the_search(exam, monkeypatch):
    def mine(t1, *, joint, side, settings, fluid):
        assert settings.provider == "mine"
        assert (joint, side) == (exam.spec.joint, exam.spec.side)
        return exam.truth.bones

    monkeypatch.setattr(sources, "entry_points", lambda group: [Entry("mine", mine)])
    found = provide_bones(
        exam.t1.image, joint=exam.spec.joint, side=exam.spec.side, settings=BoneSettings(provider="mine")
    )
    bones, _ = found.place(exam.truth.bones.grid)
    assert np.array_equal(bones.labels.array, exam.truth.bones.labels.array)
    assert [check.status for check in found.checks] == [CheckStatus.OK]


def test_the_own_search_is_the_provider_by_default():
    assert sources.load_provider(BoneSettings().provider) is find_bones


@pytest.mark.parametrize(
    ("name", "entry", "words"),
    [
        ("absent", Entry("mine", None), "give one of mine"),
        ("broken", EntryPoint("broken", "no_such_module:find", sources.GROUP), "cannot be loaded"),
    ],
)
def test_a_provider_that_is_absent_or_broken_is_told(monkeypatch, name, entry, words):
    monkeypatch.setattr(sources, "entry_points", lambda group: [entry])
    with pytest.raises(SettingsError, match=words):
        sources.load_provider(name)


def test_bones_numbered_otherwise_keep_their_names(exam):
    truth = exam.truth.bones
    table = np.zeros(256, np.uint8)
    numbers = {value: k + 1 for k, value in enumerate(truth.present())}
    for value, number in numbers.items():
        table[value] = number
    other = Segmentation(
        LabelMap(table[truth.labels.array], truth.grid), {n: BONE_LABELS[v] for v, n in numbers.items()}
    )
    given = divide_given(other, exam.spec.joint, exam.spec.side)
    assert np.array_equal(given.bones.labels.array, truth.labels.array)
