"""How far a volume may lie from the truth, and what would be too small to be seen."""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot, pi

from bmetk.edema.crossing import Claim
from bmetk.image import Grid

SURE, DOUBTFUL = 0.95, 0.05
"""Probabilities at which the smallest and the largest outline are drawn."""


@dataclass(frozen=True, slots=True)
class IntervalModel:
    """Half width of the 95 % interval of a region's volume.

    Fitted on development exams: of 179 regions with 1 mL or more it holds the truth in 97 %.

    Errors in quadrature: the outlines' own doubt, a share of the volume (bones, registration, calibration), a
    floor, and what crosses the borders between regions of a bone.

    Parameters
    ----------
    outline : multiple of the difference between the middle outline and the smallest or the largest one
    share : of the volume
    floor_ml : mL, in a region with edema
    """

    outline: float = 0.7
    share: float = 0.105
    floor_ml: float = 0.21

    def interval_ml(
        self, volume_ml: float, smallest_ml: float, largest_ml: float, claim: Claim = Claim()
    ) -> tuple[float, float]:
        """Return the interval of a volume, mL, given its smallest and its largest outline.

        Without edema the lower end is 0 and the upper end what the largest outline holds.
        """
        if volume_ml <= 0:
            return 0.0, largest_ml
        common = hypot(self.share * volume_ml, self.floor_ml)
        low = volume_ml - hypot(self.outline * max(volume_ml - smallest_ml, 0.0), common, claim.lost_ml)
        high = volume_ml + hypot(self.outline * max(largest_ml - volume_ml, 0.0), common, claim.gained_ml)
        return max(low, 0.0), high


def detection_limit_ml(grid: Grid, minimal_ml: float) -> float:
    """Return the volume from which on a lesion is sure to be seen in slices like these, mL.

    That is a ball half as thick again as slices lie apart, or
    the least volume that is believed.
    """
    diameter_mm = 1.5 * max(grid.spacing_mm)
    return max(minimal_ml, pi / 6 * diameter_mm**3 / 1000)
