"""When edema counts as present, and when its volume counts as changed."""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot, inf, sqrt

from bmetk.errors import SettingsError
from bmetk.tracking.timeline import RegionPoint


@dataclass(frozen=True, slots=True)
class TrackingSettings:
    """How exams of one patient are compared.

    Parameters
    ----------
    detection_ml : mL; a region with less is free of edema
    detection_fraction : 0 to 1; likewise for this share of the region: specks in a large bone do not count
    speck_ml, speck_fraction : mL, and 0 to 1; less than both is a speck, no edema, where none is on record
    sure_share : 0 to 1; a volume whose interval reaches below this share of itself is in doubt
    rest_share, sure_ml : 0 to 1, and mL; likewise for what may be left of a lesion on record, and for what is
        larger than this
    sure_fraction, rest_fraction : 0 to 1; and counts from this share of the region on; what may be left of a
        lesion from the second
    doubt_ratio, doubt_share : a volume whose interval reaches above so many times itself is in doubt, however
        much of the region it is, unless its interval stays above the second share of itself, 0 to 1: it is an
        island in marrow that looks nearly alike
    minimum_coverage : 0 to 1; a region of which less was imaged is not imaged, unless edema was seen
    resolved_coverage : 0 to 1; edema is called resolved only where this much of its place was imaged, or of
        the region if the place is not known
    change_ml : mL; no smaller change is called
    change_fraction : 0 to 1; nor is one below this share of the mean of the two volumes
    even_ml : mL; above this mean the scatter grows with its root alone, as errors along the outline even out
    interval_weight : share of each volume's interval that is taken to vary from exam to exam
    decisive_change : multiple of the smallest detectable change from which on a change is told of exams that
        do not compare, without a probability
    episode_days : days; regions that first show within this time of each other are one episode
    lesion_overlap : 0 to 1; least share of the smaller lesion in common regions that links two lesions

    Raises
    ------
    SettingsError
        If a value is out of range.
    """

    detection_ml: float = 0.1
    detection_fraction: float = 0.01
    speck_ml: float = 0.4
    speck_fraction: float = 0.12
    sure_share: float = 0.25
    rest_share: float = 0.1
    sure_ml: float = 3.0
    sure_fraction: float = 0.15
    rest_fraction: float = 0.09
    doubt_ratio: float = 4.0
    doubt_share: float = 0.33
    minimum_coverage: float = 0.5
    resolved_coverage: float = 0.7
    change_ml: float = 0.233
    change_fraction: float = 0.115
    even_ml: float = 17.0
    interval_weight: float = 0.25
    decisive_change: float = 2.0
    episode_days: int = 30
    lesion_overlap: float = 0.1

    def __post_init__(self) -> None:
        shares = (
            "detection_fraction",
            "speck_fraction",
            "sure_share",
            "rest_share",
            "sure_fraction",
            "rest_fraction",
            "doubt_share",
            "minimum_coverage",
            "resolved_coverage",
            "change_fraction",
            "interval_weight",
            "lesion_overlap",
        )
        for name in shares:
            if not 0 <= getattr(self, name) <= 1:
                raise SettingsError(f"tracking.{name} must lie between 0 and 1, got {getattr(self, name)}")
        for name in ("detection_ml", "speck_ml", "sure_ml", "change_ml", "even_ml"):
            if not getattr(self, name) > 0:
                raise SettingsError(f"tracking.{name} must be above 0 mL, got {getattr(self, name)} mL")
        for name in ("decisive_change", "doubt_ratio"):
            if getattr(self, name) < 1:
                raise SettingsError(f"tracking.{name} must be 1 or more, got {getattr(self, name)}")
        if self.episode_days < 0:
            raise SettingsError(f"tracking.episode_days must be 0 or more, got {self.episode_days} days")


def detection_limit_ml(bone_ml: float | None, settings: TrackingSettings) -> float:
    """Volume from which on a region of ``bone_ml`` mL counts as edematous, mL.

    In a toe 0.2 mL are edema, in a tarsal bone they are a speck: of 246 healthy regions of development
    exams every false volume but one stayed below 0.4 mL and a ninth of its region, and true edema of small
    bones filled a sixth.
    """
    speck = min(settings.speck_ml, settings.speck_fraction * (bone_ml or 0.0))
    return max(_least_ml(bone_ml, settings), speck)


def _least_ml(bone_ml: float | None, settings: TrackingSettings) -> float:
    return max(settings.detection_ml, settings.detection_fraction * (bone_ml or 0.0))


def has_edema(point: RegionPoint, settings: TrackingSettings) -> bool:
    """Tell whether a point shows edema at or above the detection limit, beyond doubt."""
    if not may_have_edema(point, settings):
        return False
    share = settings.sure_share if (point.edema_ml or 0.0) < settings.sure_ml else settings.rest_share
    return _is_sure(point, share, settings.sure_fraction, settings)


def may_have_edema(point: RegionPoint, settings: TrackingSettings) -> bool:
    """Tell whether a point shows edema at or above the detection limit, be it in doubt."""
    return point.edema_ml is not None and point.edema_ml >= detection_limit_ml(point.bone_ml, settings)


def _is_sure(point: RegionPoint, share: float, fraction: float, settings: TrackingSettings) -> bool:
    """Tell whether the interval stays clear of 0, or the edema is much of a bone too small for that.

    Where the interval reaches far above the volume, as in red marrow of which a part passes for edema, it
    must stay clearer of 0: seven such volumes that were no edema reached below a third of themselves, and one
    of three that were.
    """
    edema_ml = point.edema_ml or 0.0
    if point.edema_ml_high is not None and point.edema_ml_high > settings.doubt_ratio * edema_ml:
        share, fraction = max(share, settings.doubt_share), inf
    if point.edema_ml_low is None or point.edema_ml_low > share * edema_ml:
        return True
    return edema_ml >= fraction * (point.bone_ml or 0.0)


def still_has_edema(point: RegionPoint, change_over_sdc: float, settings: TrackingSettings) -> bool:
    """Tell whether a region with edema on record shows any: what is left of it is no speck.

    In a large bone less than the detection limit counts too, where it is not fewer by more than chance.
    """
    edema_ml = point.edema_ml or 0.0
    if edema_ml < settings.detection_ml:
        return False
    enough = edema_ml >= _least_ml(point.bone_ml, settings)
    enough = enough and _is_sure(point, settings.rest_share, settings.rest_fraction, settings)
    return enough or change_over_sdc > -1


def smallest_detectable_change_ml(
    before: RegionPoint, after: RegionPoint, settings: TrackingSettings
) -> float:
    """Change of volume that must be passed before it is called a change, mL.

    The larger of a floor and a share of the mean volume, joined in quadrature with the part of
    both intervals that does not cancel between two exams. The share is, beyond that part, what 95 % of the
    differences of repeated exams stay below, over their mean (Bland and Altman 1999,
    doi:10.1177/096228029900800204) or, above ``even_ml``, over `even_volume_ml` of it, in the simulated
    ones that come with the package; `bmetk validate --repeat` measures it on a site's own.

    Parameters
    ----------
    before, after : two measured points of one region
    """
    mean_ml = ((before.edema_ml or 0.0) + (after.edema_ml or 0.0)) / 2
    even = even_volume_ml(mean_ml, settings)
    repeatability = max(settings.change_ml, settings.change_fraction * even)
    own = settings.interval_weight * hypot(before.half_interval_ml, after.half_interval_ml)
    return hypot(repeatability, own)


def even_volume_ml(volume_ml: float, settings: TrackingSettings) -> float:
    """Volume that the scatter of repeated exams is a fixed share of, mL.

    Of 165 repeated regions of development exams 95 % differ by less than 15 % of the volume from 5 to 20 mL,
    by less than 8 % above 30 mL.
    """
    return min(volume_ml, sqrt(settings.even_ml * volume_ml))
