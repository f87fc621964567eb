"""The rules by which a piece that may be a lesion is judged: every threshold once, with its unit.

Signals are those of `bmetk.edema.measured.Piece`: contrast in units of normal marrow, the share of T1 signal
lost, the share of water's signal, the network's mean probability, and slopes, which are the second or third
for each share of T1 lost.
"""

from __future__ import annotations

from dataclasses import dataclass

from bmetk.errors import SettingsError


def require_shares(table: str, settings: object, *names: str) -> None:
    """Refuse shares and probabilities that do not lie between 0 and 1.

    Raises
    ------
    SettingsError
        If one does not.
    """
    for name in names:
        if not 0 < (value := getattr(settings, name)) < 1:
            raise SettingsError(f"{table}.{name} must lie between 0 and 1, got {value}")


def require_not_negative(table: str, settings: object, *names: str) -> None:
    """Refuse lengths, volumes and contrasts below 0.

    Raises
    ------
    SettingsError
        If one is.
    """
    for name in names:
        if (value := getattr(settings, name)) < 0:
            raise SettingsError(f"{table}.{name} must not be below 0, got {value}")


@dataclass(frozen=True, slots=True)
class PartRules:
    """When a piece is more than one thing, `[edema.part]`.

    Parameters
    ----------
    weak_share, radius_mm : what touches a lesion, has less than this share of its bright level and is as wide
        as this, is judged by itself
    alike_share, smoothing_mm : so is what is no brighter than the brightest tenth of the same bone of the
        other side, smoothed within the piece and the slice; where no red marrow is, only with less than this
        share
    beyond_share, beyond_ml : what a lesion of a bone's end has beyond that end is red marrow if it has less
        than this share of the bright level there, so much volume, and is less likely than
        `SmallRules.doubted_probability`
    """

    weak_share: float = 0.45
    radius_mm: float = 2.0
    alike_share: float = 0.6
    smoothing_mm: float = 1.5
    beyond_share: float = 0.65
    beyond_ml: float = 3.0

    def __post_init__(self) -> None:
        require_shares("edema.part", self, "weak_share", "alike_share", "beyond_share")
        require_not_negative("edema.part", self, "radius_mm", "smoothing_mm", "beyond_ml")


@dataclass(frozen=True, slots=True)
class BeliefRules:
    """How large, likely and wet a lesion is, `[edema.belief]`.

    Parameters
    ----------
    lesion_ml : lesions larger than this judge the small pieces beside them
    lonely_ml, lonely_probability : without a lesion elsewhere, what is smaller than the first volume is not
        believed, nor what is smaller than the second and less likely in the mean
    large_ml, large_probability : nor is, anywhere, what is larger and less likely in the mean; but in bones
        that hold no red marrow, what is larger and has more water for the T1 lost than muscle
        (`SmallRules.muscle_water_slope`) is believed
    sure_probability : what is at least so likely in the mean is not red marrow by comparison with a lesion,
        nor fat for the T1 signal that it lost where all fat nearby is suppressed
    least_water : share of water's signal, where it is known, that a lesion has at least in the mean (0.24 in
        the weakest of five simulators), unless it is likely in the end of a long bone, or, in a small bone,
        as likely as ``lonely_probability`` and darker than the marrow around
    """

    lesion_ml: float = 0.5
    lonely_ml: tuple[float, float] = (0.2, 8.0)
    lonely_probability: float = 0.65
    large_ml: float = 1.0
    large_probability: float = 0.6
    sure_probability: float = 0.9
    least_water: float = 0.18

    def __post_init__(self) -> None:
        names = ("lonely_probability", "large_probability", "sure_probability", "least_water")
        require_shares("edema.belief", self, *names)


@dataclass(frozen=True, slots=True)
class SmallRules:
    """Specks, cysts, vessels, muscle and ends of bones, `[edema.small]`.

    Parameters
    ----------
    faint_ml, faint_share, faint_deviations, faint_probability : beside a lesion, what is smaller than this,
        has less than this share of its contrast, stands out of the bone's scatter by less than this, and is
        less likely than this in the mean, is not believed
    thin_slope : beside a lesion, what has less than this share of its contrast for each share of T1 lost, in
        rays and toes, is cortex or tendon in a thick slice
    dark_slope : so is what has less than this share in any bone without red marrow: it lies far from the coil
    surrounded_slope, surrounded_probability : so is what has less than this share, is smaller than
        ``doubted_ml``, less likely than this, and has brighter marrow of its bone around, unless it is as
        likely as `BeliefRules.large_probability` and wetter than the first of `RedRules.water_slope`, or seen
        in several slices, as likely as ``doubted_probability``, in rays and toes as
        `BeliefRules.lonely_probability`, and neither drier than ``thin_water_slope`` nor as dark as
        ``muscle_loss``
    alike_slope : what looks like muscle there for its water, and has this share of a lesion's contrast for
        each share of T1 lost, is none: the water was told by a muscle that is itself bright
    cyst_ml, cyst_contrast, cyst_water : beside a lesion, what is smaller than this and so many times brighter
        is fluid, unless it is known to have less of water's signal than the third (0.59 in the dimmest of
        eight false pieces)
    fluid_ml, fluid_water, fluid_loss : what is smaller, has this share of water's signal in the mean, and has
        lost this share of T1 signal, is free fluid, a cyst or ganglion, be there a lesion or not
    soft_ml, soft_water_slope : what is smaller and has less of water's signal for each share of T1 lost is
        muscle or tendon within a wrong outline; in rays and toes, whose cortex darkens the marrow, what is as
        likely as `BeliefRules.lonely_probability`, and has at least ``thin_water_slope``, must have lost
        ``muscle_loss``, too, and in other bones without red marrow what several slices show and is as likely
        as ``doubted_probability``; in bones of unknown name only beside a lesion that does not look so
    doubted_ml, doubted_probability : so is what is smaller than this and less likely in the mean, in rays and
        toes with brighter marrow around less likely than ``surrounded_probability``. Where red marrow may
        be, it is what is less likely than this and lies in no end of its bone, or is smaller than the second
        of `BeliefRules.lonely_ml` and lighter on T1 than the marrow around; the latter below
        `BeliefRules.sure_probability` where it lost less T1 than `FatRules.loss`
    muscle_loss, muscle_water_slope : and, in bones that may hold red marrow, what is not sure and has lost
        so much T1 with less of water's signal than this for each share, or amid marrow that lost more
    watery_loss : in any bone whose name is known, what is smaller than ``doubted_ml``, not sure, and has lost
        so much T1 lies in cartilage or joint fluid: edema leaves fat between its water (0.55 in the darkest
        of 400 simulated lesions)
    vessel_loss, vessel_water_slope : what is smaller than ``soft_ml``, not sure, and has lost less T1 or has
        more of water's signal than this, and than any lesion, for each share of it, is a vessel or cyst;
        where no muscle tells water, only what is less likely than the first of
        `RedRules.doubtful_probability`
    vessel_ml, vessel_probability : what is larger than this is none from this probability on; in rays and
        toes from `BeliefRules.lonely_probability` on
    last_slice_share : what one slice alone shows, and beyond so much of which its bone ends, is what lies
        beside the bone, unless no red marrow is there and it is as likely as `BeliefRules.large_probability`,
        or `RedRules.probability` in the outermost slice
    ring_ml, ring_mm, ring_wide_share, ring_share : what is larger, no more than so much of it wider, and
        whose convex hull holds so much marrow besides, for its own size, is the border of an osteonecrosis
    one_slice_ml : what is smaller and seen in one slice alone is no lesion in a bone of unknown name, where
        the network's doubt says little; sacroiliac joints are read so (Rudwaleit et al. 2009,
        doi:10.1136/ard.2009.110767)
    """

    faint_ml: float = 1.0
    faint_share: float = 0.45
    faint_deviations: float = 4.0
    faint_probability: float = 0.78
    thin_slope: float = 0.45
    dark_slope: float = 0.2
    surrounded_slope: float = 0.75
    surrounded_probability: float = 0.8
    alike_slope: float = 0.8
    cyst_ml: float = 0.25
    cyst_contrast: float = 1.5
    cyst_water: float = 0.5
    fluid_ml: float = 1.5
    fluid_water: float = 0.94
    fluid_loss: float = 0.5
    soft_ml: float = 1.0
    soft_water_slope: float = 0.85
    doubted_ml: float = 2.0
    doubted_probability: float = 0.75
    thin_water_slope: float = 0.6
    muscle_loss: float = 0.5
    muscle_water_slope: float = 1.1
    watery_loss: float = 0.6
    vessel_loss: float = 0.2
    vessel_water_slope: float = 2.5
    vessel_ml: float = 0.3
    vessel_probability: float = 0.8
    last_slice_share: float = 0.9
    ring_ml: float = 0.5
    ring_mm: float = 5.0
    ring_wide_share: float = 0.6
    ring_share: float = 0.6
    one_slice_ml: float = 0.3

    def __post_init__(self) -> None:
        names = (
            "faint_share",
            "faint_probability",
            "thin_slope",
            "dark_slope",
            "surrounded_slope",
            "surrounded_probability",
            "alike_slope",
            "cyst_water",
            "fluid_water",
            "fluid_loss",
            "watery_loss",
            "doubted_probability",
            "vessel_probability",
            "last_slice_share",
            "ring_wide_share",
        )
        require_shares("edema.small", self, *names)
        require_not_negative("edema.small", self, "one_slice_ml", "ring_ml", "ring_mm", "ring_share")


@dataclass(frozen=True, slots=True)
class FatRules:
    """Fat that escaped its suppression, `[edema.fat]`.

    Parameters
    ----------
    near_share : share of the fat nearby that escaped, from which on fat may be bright
    loss : what has lost less of its T1 signal is fat, or looks so, where less than ``near_share`` of the fat
        nearby escaped, and may yet be what is left of an earlier lesion; near bright fat so is what is not
        sure, lies in the end of a bone, and has lost less beyond the marrow around it
    slope : so is what has more of water's signal than this for each share of T1 lost, be it of the reference
        or of the marrow around, near bright fat or where it is less likely than
        `BeliefRules.large_probability`; what is larger than the second of `BeliefRules.lonely_ml` and
        brighter than the other side by the second of `SideRules.red_contrast` is not, near less than the last
        of ``nearby``
    nearby, nearby_loss, nearby_probability : and where more of the fat nearby than one of the first is not
        suppressed, what has lost less T1 and is less likely in the mean than its partners, but for
        `EndRules.around_loss`
    sides_contrast : likewise, where more than the second of ``nearby`` is not suppressed, for what has lost
        less T1 than the first of ``nearby_loss`` and has less than so many times the contrast of the other
        side, unless it is likely by `SideRules.probability` and lost more than `EndRules.around_loss` beyond
        the marrow around: a suppression fails on both sides alike
    """

    near_share: float = 0.02
    loss: float = 0.06
    slope: float = 4.0
    nearby: tuple[float, ...] = (0.4, 0.05, 0.8, 0.2)
    nearby_loss: tuple[float, ...] = (0.3, 0.12, 0.45, 0.2)
    nearby_probability: tuple[float, ...] = (1.1, 0.66, 0.75, 0.5)
    sides_contrast: float = 1.25

    def __post_init__(self) -> None:
        require_shares("edema.fat", self, "near_share", "loss")
        require_not_negative("edema.fat", self, "sides_contrast")


@dataclass(frozen=True, slots=True)
class RedRules:
    """Red marrow, in bones that may hold it, `[edema.red]`.

    Parameters
    ----------
    beside_ml, beside_contrast, beside_slope, beside_loss : beside a lesion larger than this and so many times
        brighter, what has less than this share of its contrast for each share of T1 lost is red marrow;
        within the lesion's bone it must have lost less than this share of the lesion's loss of T1, or lie
        nowhere in the end that the lesion lies in and be drier than the first of ``water_slope``
    end_slope : in the end of a bone, what is not likely by ``probability`` and has less than this share of a
        sure, brighter and larger lesion's contrast for each share of T1 lost is red marrow, too
    deviations, probability : what stands out of the bone's scatter by less than the first and is less likely
        than the second in the mean is red marrow; what passes both is sure, unless it has too little water
        for the T1 lost; in the pelvis, which holds it for life, so is what stands out by less and is not as
        likely as `BeliefRules.sure_probability`
    loss : what has lost less T1 and is less likely than ``probability`` is red marrow, even in a bone's end
    doubtful_probability, water_slope : what is less likely than one of these in the mean, with less of
        water's signal than its partner for each share of T1 lost, is not believed
    clear_water_slope, clear_loss : what has more of water's signal than this for each share of T1 lost, and
        has lost this share, is clear and need not stand out of the bone's scatter
    clear_deviations, wet_slope : what is so clear, and stands out of the bone's scatter so far or has more of
        water's signal for each share of T1 lost than the second, need not be as likely as `BeliefRules` ask,
        and is no fat for its much water
    lesion_share : what is likely by `SideRules.probability` and has this share of a sure lesion's contrast
        in another bone is no red marrow, whatever its water
    same_share : nor is what has this share of the contrast of a sure lesion of its bone, and by
        ``beside_slope`` and ``beside_loss`` is no red marrow beside it: a growth scar lies between; what is
        larger than the lesion must be believed by `BeliefRules.large_probability` where all fat is suppressed
    """

    beside_ml: float = 1.0
    beside_contrast: float = 1.2
    beside_slope: float = 0.85
    beside_loss: float = 0.8
    end_slope: float = 0.5
    deviations: float = 3.2
    probability: float = 0.85
    loss: float = 0.12
    doubtful_probability: tuple[float, float] = (0.78, 0.85)
    water_slope: tuple[float, float] = (1.65, 1.2)
    clear_water_slope: float = 1.4
    clear_loss: float = 0.15
    clear_deviations: float = 8.0
    wet_slope: float = 2.4
    lesion_share: float = 0.9
    same_share: float = 0.75

    def __post_init__(self) -> None:
        names = ("beside_slope", "beside_loss", "end_slope", "probability", "loss", "clear_loss")
        require_shares("edema.red", self, *names)
        require_not_negative("edema.red", self, "beside_ml", "beside_contrast", "lesion_share", "same_share")


@dataclass(frozen=True, slots=True)
class SideRules:
    """The same bone of the other side: red marrow is symmetrical, `[edema.side]`.

    Contrasts are compared with the brightest tenth of the other side's bone.

    Parameters
    ----------
    red_contrast : what lies where red marrow may be, with less than the first of these times the contrast of
        the other side, is red marrow; what has more than the second is no red marrow beside a lesion
    large_contrast, large_share : what is larger than `BeliefRules.large_ml`, has more contrast than this, and
        so many times that of the other side, is no red marrow and need not be as likely
    probability : outside of the ends of bones it must be at least so likely
    clean_probability, clean_share : where the fat nearby is suppressed, and it is not as dark as muscle, what
        is as likely as one of these and its partner's times as bright is no red marrow either; in the end of
        a bone what is as likely as the first may be dry
    wet_share, far_share : with more water for the T1 lost than the second of `RedRules.water_slope`, what
        fills a bone's end need only be the first of these times as bright, and anything the second, and only
        as likely as any lesion; where no muscle tells water, what fills an end is as good as wet
    water, deviations : what is so likely, and has this share of water's signal and stands out of the bone's
        scatter by this, too, need only have the first of ``red_contrast``
    least_ml, depth_mm : so much marrow, so deep, must be seen of the other side
    """

    red_contrast: tuple[float, float] = (1.3, 1.6)
    large_contrast: float = 0.6
    large_share: float = 2.5
    wet_share: float = 2.0
    far_share: float = 4.0
    probability: float = 0.75
    clean_probability: tuple[float, float] = (0.7, 0.8)
    clean_share: tuple[float, float] = (2.5, 1.5)
    water: float = 0.4
    deviations: float = 2.0
    least_ml: float = 5.0
    depth_mm: float = 2.0

    def __post_init__(self) -> None:
        require_shares("edema.side", self, "probability", "water")
        require_not_negative("edema.side", self, "least_ml", "depth_mm")


@dataclass(frozen=True, slots=True)
class EndRules:
    """The ends of bones, and others that hold no red marrow in adults, `[edema.end]`.

    Parameters
    ----------
    share, probability : what is larger than `BeliefRules.large_ml`, lies there by this share, and is at least
        so likely in the mean, is not red marrow
    wet_share : less of it will do where muscle tells more water for the T1 lost than the second of
        `RedRules.water_slope`
    filling_ml : nor is what has so much there, even if it lost little T1
    whole_share : what lies there by this share lies there altogether; for what is wetter than red marrow
        ``share`` will do, for what is likely by `SideRules.probability` and lost little T1
    around_loss : of that, what lost more T1 than this beyond the marrow around is no fat
    deviations : what stands out of the bone's scatter by this, with more water for the T1 lost than the first
        of `RedRules.water_slope`, is no red marrow for the little T1 that it lost
    dry_probability, dry_water_slope : an end counts as the rest of a bone where what it shows is less likely
        than one of these, with less of water's signal than its partner for each share of T1 lost
    sharp_probability, sharp_water_slope : the same for what is darker than the marrow around and stands out
        by ``deviations``, and for what has more in the end than the second of `BeliefRules.lonely_ml`, is
        likely by `SideRules.probability` and stands out by `RedRules.deviations` with `RedRules.loss`
    """

    share: float = 0.4
    probability: float = 0.65
    wet_share: float = 0.28
    filling_ml: float = 10.0
    whole_share: float = 0.9
    around_loss: float = 0.09
    deviations: float = 5.0
    dry_probability: tuple[float, float] = (0.9, 0.8)
    dry_water_slope: tuple[float, float] = (0.85, 1.2)
    sharp_probability: tuple[float, float] = (0.9, 0.7)
    sharp_water_slope: tuple[float, float] = (0.85, 1.0)

    def __post_init__(self) -> None:
        require_shares("edema.end", self, "share", "probability", "wet_share", "whole_share", "around_loss")
        require_not_negative("edema.end", self, "filling_ml")
