"""Bones given without names are told by those found in the same picture."""

from __future__ import annotations

import numpy as np
import pytest

from bmetk.anatomy import Joint, Label, Side
from bmetk.bones import BoneSettings, search_given, tell_names
from bmetk.exam import CheckStatus, Segmentation
from bmetk.image import LabelMap, RigidTransform, ScalarImage
from bmetk.image.grid import Grid
from tests.conftest import make_grid

SHAPE = (6, 60, 60)
FEMUR, TIBIA = Label("femur", Side.LEFT, "femur_left"), Label("tibia", Side.LEFT, "tibia_left")
CONDYLE, PLATEAU = Label("condyle", Side.LEFT, "condyle_left"), Label("plateau", Side.LEFT, "plateau_left")


def block(*rows: tuple[int, int], shift: int = 0) -> np.ndarray:
    """Number some blocks of rows from 1 on."""
    labels = np.zeros(SHAPE, np.uint8)
    for number, (first, last) in enumerate(rows, start=1):
        labels[:, first + shift : last + shift, 10 + shift : 50 + shift] = number
    return labels


def segmentation(labels: np.ndarray, *meaning: Label) -> Segmentation:
    grid = make_grid("coronal", SHAPE, (4.0, 1.0, 1.0))
    return Segmentation(LabelMap(labels, grid), dict(enumerate(meaning, start=1)))


FOUND = segmentation(block((5, 25), (30, 50)), FEMUR, TIBIA)
REGIONS = segmentation(block((15, 25), (30, 40)), CONDYLE, PLATEAU)
UNNAMED = tuple(Label(f"label_{n}", None, f"label_{n}") for n in (1, 2))


def names_at(told: Segmentation, row: int) -> set[str]:
    """Names of what lies in one row, 0 left out."""
    return {told.meaning[v].name for v in np.unique(told.labels.array[:, row]) if v}


@pytest.mark.parametrize("merged", [False, True])
def test_labels_take_the_names_of_the_bones_found_nearby(*, merged: bool) -> None:
    labels = block((5, 25), (30, 50), shift=2)
    given = segmentation(np.where(labels > 0, 1, 0).astype(np.uint8) if merged else labels, *UNNAMED)
    told = tell_names(given, FOUND, REGIONS)
    assert told is not None
    bones, regions = told
    assert (names_at(bones, 8), names_at(bones, 51)) == ({"femur"}, {"tibia"})
    assert (names_at(regions, 24), names_at(regions, 34)) == ({"condyle"}, {"plateau"})
    assert bones.present()[1].side is Side.LEFT
    for part in told:
        assert np.array_equal(part.labels.array > 0, labels > 0)


def test_what_lies_apart_from_every_region_is_measured_as_the_rest() -> None:
    told = tell_names(segmentation(block((5, 25), (30, 50)), *UNNAMED), FOUND, REGIONS)
    assert told is not None
    assert names_at(told[1], 5) == {"rest"}
    assert names_at(told[0], 5) == {"femur"}


def test_a_label_is_one_bone_where_most_of_it_is() -> None:
    told = tell_names(segmentation(block((5, 32), (32, 50)), *UNNAMED), FOUND, REGIONS)
    assert told is not None
    assert names_at(told[0], 31) == {"femur"}


def test_what_is_not_found_again_stays_without_names() -> None:
    assert tell_names(segmentation(block((44, 58)), UNNAMED[0]), FOUND, REGIONS) is None
    assert tell_names(segmentation(block(), UNNAMED[0]), FOUND, REGIONS) is None


@pytest.mark.parametrize(
    ("names", "joint", "status"),
    [
        (("femur", "tibia"), None, CheckStatus.OK),
        (("femur",), Joint.KNEE, CheckStatus.OK),
        (("femur",), None, CheckStatus.WARN),
        (("pelvis",), Joint.HIP, CheckStatus.WARN),
    ],
)
def test_one_bone_alone_is_no_joint(
    names: tuple[str, ...], joint: Joint | None, status: CheckStatus, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = block(*((5, 25), (30, 50))[: len(names)])
    found = segmentation(labels, *(Label(name, Side.LEFT, f"{name}_left") for name in names))

    class Found:
        def place(self, grid: Grid, transform: RigidTransform) -> tuple[Segmentation, Segmentation]:
            del grid, transform
            return found, REGIONS

    monkeypatch.setattr("bmetk.bones.naming.provide_bones", lambda *_, **__: Found())
    image = ScalarImage(np.ones(SHAPE, np.float32), found.grid)
    given = segmentation(labels, *UNNAMED)
    still = RigidTransform.identity()
    told, check = search_given(given, image, image, still, joint=joint, side=None, settings=BoneSettings())
    assert check.status is status
    assert (told is not None) == (status is CheckStatus.OK)
