"""How edema is found and measured: every threshold once, with its unit."""

from __future__ import annotations

from dataclasses import dataclass

from bmetk.errors import SettingsError

_SHARES = (
    "edge_probability",
    "possible_probability",
    "least_probability",
    "seed_probability",
    "core_share",
    "outline_share",
    "uncertain_share",
    "measured_share",
    "red_slope",
    "red_loss",
    "alike_share",
    "alike_probability",
    "alike_fatty_probability",
    "weak_share",
    "weak_alike_share",
    "faint_share",
    "soft_probability",
    "one_sided_probability",
    "one_sided_water",
    "sure_probability",
    "large_probability",
    "yellow_share",
    "wet_yellow_share",
    "all_yellow_share",
    "end_share",
    "least_water",
    "yellow_probability",
)
_LENGTHS_AND_VOLUMES = (
    "shading_margin_mm",
    "beyond_mm",
    "seed_ml",
    "minimal_ml",
    "smoothing_mm",
    "weak_radius_mm",
    "weak_smoothing_mm",
    "red_ml",
    "red_contrast",
    "yellow_ml",
)


@dataclass(frozen=True, slots=True)
class EdemaSettings:
    """Settings of the edema stage.

    Parameters
    ----------
    familiar : bones without names are those of hip, knee, ankle or foot, which the network knows; `analyze`
        takes them for that where the joint is named or each has a label of its own
    correct_shading : estimate and remove the coil's smooth shading
    shading_margin_mm : soft tissue around the bones that the shading is estimated from
    least_probability : 0 to 1; a lesion is what is at least so likely to be edema
    seed_probability : 0 to 1; it holds voxels at least so likely, and these tell its level
    fatty_probability : the same two in bones that hold no red marrow
    edge_probability : 0 to 1; its outline goes no further than to voxels at least so likely
    possible_probability : 0 to 1; what is at least so likely counts where an earlier exam showed edema
    seed_ml : least volume of the voxels that are beyond doubt
    minimal_ml : lesions below this are not believed
    smoothing_mm : standard deviation of the in-plane smoothing before the outline
    level_window_mm : standard deviation of the distance over which a lesion's own level is taken
    core_share : 0 to 1; that level is the mean of what reaches this share of the mean itself; of all in bones
        of unknown name, whose readers draw wide
    outline_share : height between normal marrow and the lesion's own level at which it is outlined
    uncertain_share : standard deviation of that height
    measured_share : 0 to 1; least part of a lesion that lies in the regions that are measured
    beyond_mm : how far outside of them lesions are followed
    red_ml, red_contrast, red_slope, red_loss : beside a lesion larger than this and so many times brighter,
        what has less than this share of its contrast for each share of T1 lost is red marrow; within the
        lesion's bone it must have lost less than this share of the lesion's loss of T1
    alike_share, alike_probability : a lesion goes on over marrow that has at least this share of its contrast
        and of its loss of T1, and is at least so likely
    alike_fatty_probability : the same in bones that hold no red marrow
    lesion_ml : lesions larger than this judge the small pieces beside them
    weak_share, weak_radius_mm : what touches a lesion, has less than this share of its bright level and is as
        wide as this, is judged by itself
    weak_alike_share : so is what is no brighter than the brightest tenth of the same bone of the other side,
        smoothed within the piece and the slice by ``weak_smoothing_mm``; where no red marrow is, only with
        less than this share
    faint_ml, faint_share, faint_deviations, faint_probability : beside a lesion, what is smaller than this,
        has less than this share of its contrast, stands out of the bone's scatter by less than this, and is
        less likely than this in the mean, is not believed
    cyst_ml, cyst_contrast : beside a lesion, what is smaller than this and so many times brighter is fluid
    lonely_probability, lonely_ml : without a lesion elsewhere, what is smaller than the first volume is not
        believed, nor what is smaller than the second and less likely in the mean
    large_ml, large_probability : nor is, anywhere, what is larger and less likely in the mean
    soft_ml, soft_water_slope : what is smaller and has less of water's signal for each share of T1 lost is
        muscle or tendon within a wrong outline
    soft_doubted_ml, soft_probability : so is what is smaller than this and less likely in the mean
    muscle_loss, muscle_water_slope : and, in bones that may hold red marrow, what is not sure and has lost
        so much T1 with less of water's signal than this for each share
    end_share : what one slice alone shows of a bone that may hold red marrow, and beyond so much of which
        this bone ends, is what lies beside it
    least_water : 0 to 1; share of water's signal, where it is known, that a lesion has at least in the mean
        (0.24 in the weakest of five simulators)
    vessel_loss, vessel_water_slope : what is smaller than ``soft_ml``, less likely than ``sure_probability``,
        and has lost less T1 or has more of water's signal than this for each share of it, is a vessel or
        cyst; where no muscle tells water, only what is less likely than the first of ``doubtful_probability``
    sure_probability, sure_fat : 0 to 1; what is at least so likely in the mean is not red marrow by
        comparison with a lesion; nor is it fat for the T1 signal that it lost, where less than this share of
        the fat nearby escaped its suppression
    fat_loss : what has lost less of its T1 signal is unsuppressed fat, or looks so, where less than
        ``sure_fat`` of the fat nearby escaped, and may yet be what is left of an earlier lesion
    all_yellow_share : near bright fat so is what is not sure, lies in regions without red marrow by this
        share, and has lost less than ``fat_loss`` beyond the marrow around it
    fat_slope : so is what has more of water's signal than this for each share of T1 lost, be it of the
        reference or of the marrow around, near bright fat or where it is less likely than
        ``large_probability``
    fat_nearby, fat_nearby_loss, fat_nearby_probability : and where more of the fat nearby than one of the
        first is not suppressed, what has lost less T1 and is less likely in the mean than its partners, but
        for ``around_loss``
    red_deviations, red_probability : in bones that may hold red marrow, what stands out of the bone's scatter
        by less than the first and is less likely than the second in the mean is red marrow; what passes both
        is sure, too, unless it has too little water for the T1 lost
    clear_water_slope, clear_loss : unless it has lost this share of T1, and has more of water's signal than
        this for each share
    clear_deviations, wet_slope : what is so clear, and stands out of the bone's scatter so far or has more of
        water's signal for each share of T1 lost than the second, need not be as likely as
        ``large_probability`` and ``lonely_probability`` ask, and is no fat for its much water
    around_loss : what lost more T1 than this beyond the marrow around, in the end of a bone, is no fat
    red_loss_alone : in the same bones, what has lost less T1 and is less likely than ``red_probability`` is
        red marrow, even in their ends
    red_other_side : in the same bones, what lies where red marrow may be, with less than the first of these
        times the contrast of the brightest tenth of the other side's bone, is red marrow; what has more than
        the second is no red marrow beside a lesion
    one_sided_contrast, one_sided_share : what is larger than ``large_ml``, has more contrast than this, and
        so many times that of the brightest tenth of the same bone of the other side, is no red marrow, which
        is symmetrical, and need not be as likely
    one_sided_probability : outside of regions without red marrow it must be at least so likely
    one_sided_water : what is so likely, and holds this share of water's signal, more than the second of
        ``red_water_slope`` for the T1 lost, need only have the first of ``red_other_side``
    other_side_ml, other_side_depth_mm : so much marrow, so deep, must be seen of the other side
    yellow_share, yellow_probability : 0 to 1; what is larger than ``large_ml``, lies in regions
        without red marrow by this share, and is at least so likely in the mean, is not red marrow
    wet_yellow_share : less of it will do where muscle tells more water for the T1 lost than the second of
        ``red_water_slope``
    yellow_ml : nor is what has so much in these regions, even if it lost little T1
    doubtful_probability, red_water_slope : 0 to 1; in bones that may hold red marrow, a lesion less likely
        than one of these in the mean, with less of water's signal than its partner for each share of T1 lost,
        is not believed
    dry_probability, dry_water_slope : the ends of these bones count as others where what they show is less
        likely than one of these, with less of water's signal than its partner for each share of T1 lost
    threads : processor threads of the network

    Raises
    ------
    SettingsError
        If a value is out of range.
    """

    familiar: bool = False
    correct_shading: bool = True
    shading_margin_mm: float = 15.0
    least_probability: float = 0.5
    seed_probability: float = 0.8
    edge_probability: float = 0.15
    possible_probability: float = 0.2
    seed_ml: float = 0.03
    minimal_ml: float = 0.08
    smoothing_mm: float = 0.7
    level_window_mm: float = 6.0
    core_share: float = 0.8
    outline_share: float = 0.5
    uncertain_share: float = 0.15
    measured_share: float = 0.2
    beyond_mm: float = 20.0
    red_ml: float = 1.0
    red_contrast: float = 1.2
    red_slope: float = 0.85
    red_loss: float = 0.8
    alike_share: float = 0.6
    alike_probability: float = 0.05
    alike_fatty_probability: float = 0.01
    lesion_ml: float = 0.5
    weak_share: float = 0.45
    weak_radius_mm: float = 2.0
    weak_smoothing_mm: float = 1.5
    weak_alike_share: float = 0.6
    faint_ml: float = 1.0
    faint_share: float = 0.45
    faint_deviations: float = 4.0
    faint_probability: float = 0.78
    cyst_ml: float = 0.25
    cyst_contrast: float = 1.5
    lonely_probability: float = 0.65
    large_probability: float = 0.6
    lonely_ml: tuple[float, float] = (0.2, 8.0)
    soft_ml: float = 1.0
    soft_water_slope: float = 0.85
    soft_doubted_ml: float = 2.0
    soft_probability: float = 0.75
    muscle_loss: float = 0.5
    muscle_water_slope: float = 1.1
    vessel_loss: float = 0.2
    vessel_water_slope: float = 2.2
    end_share: float = 0.9
    least_water: float = 0.18
    large_ml: float = 1.0
    sure_probability: float = 0.9
    sure_fat: float = 0.02
    fat_loss: float = 0.06
    all_yellow_share: float = 0.9
    fat_slope: float = 4.0
    fat_nearby: tuple[float, ...] = (0.4, 0.05, 0.8)
    fat_nearby_loss: tuple[float, ...] = (0.3, 0.12, 0.45)
    fat_nearby_probability: tuple[float, ...] = (1.1, 0.66, 0.75)
    red_deviations: float = 3.2
    red_probability: float = 0.85
    red_loss_alone: float = 0.12
    around_loss: float = 0.09
    clear_water_slope: float = 1.4
    clear_loss: float = 0.15
    clear_deviations: float = 8.0
    wet_slope: float = 2.4
    red_other_side: tuple[float, float] = (1.3, 1.6)
    one_sided_contrast: float = 0.6
    one_sided_share: float = 2.5
    one_sided_water: float = 0.4
    one_sided_probability: float = 0.75
    other_side_ml: float = 5.0
    other_side_depth_mm: float = 2.0
    yellow_share: float = 0.4
    wet_yellow_share: float = 0.28
    yellow_ml: float = 10.0
    yellow_probability: float = 0.65
    doubtful_probability: tuple[float, float] = (0.78, 0.85)
    red_water_slope: tuple[float, float] = (1.65, 1.2)
    dry_probability: tuple[float, float] = (0.9, 0.8)
    dry_water_slope: tuple[float, float] = (0.85, 1.2)
    fatty_probability: tuple[float, float] = (0.3, 0.6)
    threads: int = 2

    def __post_init__(self) -> None:
        for name in _SHARES:
            if not 0 < getattr(self, name) < 1:
                raise SettingsError(f"edema.{name} must lie between 0 and 1, got {getattr(self, name)}")
        if not self.edge_probability <= self.least_probability <= self.seed_probability:
            raise SettingsError(
                "edema.edge_probability, least_probability and seed_probability must not fall, got "
                f"{self.edge_probability}, {self.least_probability} and {self.seed_probability}"
            )
        for name in _LENGTHS_AND_VOLUMES:
            if getattr(self, name) < 0:
                raise SettingsError(f"edema.{name} must not be below 0, got {getattr(self, name)}")
        if not self.level_window_mm > 0:
            raise SettingsError(f"edema.level_window_mm must be above 0 mm, got {self.level_window_mm} mm")
        if self.threads < 1:
            raise SettingsError(f"edema.threads must be 1 or more, got {self.threads}")
