"""What another exam shows counts for what is in doubt, and for nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from bmetk.edema import segment_edema
from bmetk.edema.outline import Outline
from bmetk.edema.recall import recall_known
from bmetk.errors import GridMismatchError
from bmetk.image import Mask
from tests.edema.phantom import joint, slices

SHAPE = (6, 30, 30)
LEFT, RIGHT = (slice(2, 4), slice(10, 20), slice(3, 12)), (slice(2, 4), slice(10, 20), slice(18, 27))


def marked(*boxes: tuple[slice, slice, slice]) -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    for box in boxes:
        mask[box] = True
    return mask


def outline_of(edema: np.ndarray, doubtful: np.ndarray, dropped: np.ndarray | None = None) -> Outline:
    nothing = np.zeros(SHAPE, np.float32)
    return Outline(edema, nothing, doubtful if dropped is None else dropped, doubtful, {}, nothing)


def at_half(likely: np.ndarray) -> Outline:
    """Outline what is more likely than not."""
    return outline_of(likely > 0.5, np.zeros(SHAPE, bool))


def test_what_is_doubtful_counts_where_an_earlier_exam_showed_edema() -> None:
    outline = outline_of(np.zeros(SHAPE, bool), marked(LEFT, RIGHT))
    taken = recall_known(outline, np.zeros(SHAPE, np.float32), marked(LEFT), at_half)
    assert np.array_equal(taken, marked(LEFT))


def test_what_lies_there_by_less_than_half_does_not_count() -> None:
    outline = outline_of(np.zeros(SHAPE, bool), marked(LEFT))
    little = (slice(2, 4), slice(10, 20), slice(3, 6))
    assert not recall_known(outline, np.zeros(SHAPE, np.float32), marked(little), at_half).any()


@pytest.mark.parametrize(("likely", "taken"), [(0.3, True), (0.15, False)])
def test_where_nothing_is_left_of_a_lesion_edema_is_four_times_as_likely(likely: float, taken: bool) -> None:
    found = outline_of(np.zeros(SHAPE, bool), np.zeros(SHAPE, bool))
    everywhere = np.where(marked(LEFT, RIGHT), np.float32(likely), np.float32(0))
    recalled = recall_known(found, everywhere, marked(LEFT), at_half)
    assert np.array_equal(recalled, marked(LEFT) & taken)


def test_what_is_in_doubt_even_with_its_odds_raised_stays_so() -> None:
    found = outline_of(np.zeros(SHAPE, bool), np.zeros(SHAPE, bool))
    likely = np.where(marked(LEFT), np.float32(0.3), np.float32(0))

    def doubted(raised: np.ndarray) -> Outline:
        return outline_of(np.zeros(SHAPE, bool), raised > 0.5)

    assert not recall_known(found, likely, marked(LEFT), doubted).any()


def test_what_its_signals_tell_is_no_edema_is_not_raised() -> None:
    nothing = np.zeros(SHAPE, bool)
    found = outline_of(nothing, nothing, dropped=marked(LEFT))
    likely = np.where(marked(LEFT), np.float32(0.3), np.float32(0))
    assert not recall_known(found, likely, marked(LEFT), at_half).any()


def test_a_lesion_of_which_something_is_left_is_outlined_by_its_own_exam() -> None:
    left = (slice(2, 4), slice(10, 20), slice(3, 6))
    found = outline_of(marked(left), np.zeros(SHAPE, bool))
    likely = np.where(marked(LEFT), np.float32(0.3), np.float32(0))
    assert not recall_known(found, likely, marked(LEFT), at_half).any()


@pytest.mark.parametrize(("strength", "radius_mm"), [(0.2, 13.0), (0.3, 8.0)])
def test_a_faint_rest_is_found_where_the_lesion_was(strength: float, radius_mm: float) -> None:
    """A lesion that faded, or shrank, beyond what the exam believes by itself."""
    phantom = joint(slices("coronal"), strength=strength, radius_mm=radius_mm)
    images = phantom.t1, phantom.fluid, phantom.bones, phantom.covered
    alone, after = segment_edema(*images), segment_edema(*images, known=phantom.edema)
    assert alone.edema.volume_ml == 0
    assert after.edema.volume_ml == pytest.approx(phantom.edema.volume_ml, rel=0.2)
    (check,) = (check for check in after.checks if check.name == "known_edema")
    assert check.value == pytest.approx(after.edema.volume_ml)


def test_what_healed_is_not_recalled() -> None:
    before, after = joint(slices("coronal")), joint(slices("coronal"), strength=0.0)
    healed = segment_edema(after.t1, after.fluid, after.bones, after.covered, known=before.edema)
    assert healed.edema.volume_ml == 0
    assert all(check.name != "known_edema" for check in healed.checks)


def test_the_known_edema_must_lie_on_the_grid_of_the_exam() -> None:
    phantom, other = joint(slices("coronal")), joint(slices("axial"))
    images = phantom.t1, phantom.fluid, phantom.bones, phantom.covered
    with pytest.raises(GridMismatchError, match="another exam"):
        segment_edema(*images, known=Mask(other.edema.array, other.edema.grid))
