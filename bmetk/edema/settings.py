"""How edema is found and measured: every threshold once, with its unit."""

from __future__ import annotations

from dataclasses import dataclass

from bmetk.errors import SettingsError


@dataclass(frozen=True, slots=True)
class EdemaSettings:
    """Settings of the edema stage.

    Parameters
    ----------
    correct_shading : estimate and remove the coil's smooth shading
    shading_margin_mm : soft tissue around the bones that the shading is estimated from
    rim_mm : outer shell of a bone where no lesion may begin (cortex and partial volume)
    edge_mm : outer shell of a bone that is never counted
    rim_share : both shells take at most this share of a bone's greatest depth, so that small bones stay
    smoothing_mm : standard deviation of the in-plane smoothing before detection
    seed_z, grow_z : deviations above normal marrow where a lesion begins, and to where it may grow
    minimal_contrast : a lesion's own level above normal marrow, as a share of normal marrow
    minimal_water : a lesion's own level as a share of free water's signal, where muscle tells it
    red_water, red_slope : below this share of water's signal, and below this share for each share of T1
        lost, marrow is red
    edema_slope : slope above which marrow is edema although much red marrow is as bright
    fat_water, fat_slope : below this share of water's signal, and above this slope, it is fat that escaped
        suppression
    red_share : share of the marrow that must be red before its brightness counts
    red_window_mm : distance over which the two are averaged
    cyst_water : free fluid is brighter than this multiple of edema's water
    satellite_volumes, satellite_contrast : a thing with a lesion this much larger and brighter in the same
        bone is not counted
    pattern_slope, pattern_loss, pattern_contrast, pattern_ml : nor red marrow beside a lesion at least so
        large and so much brighter: its contrast for each share of T1 lost is below this share of the
        lesion's, and within the lesion's bone so is its loss of T1
    pattern_fat : nor one whose contrast for each share of T1 lost exceeds a lesion's by this factor
    bleed_mm : distance over which bright fluid beside a bone shines into it
    outline_share : height between normal marrow and the lesion's own level at which it is outlined
    outline_water : share of free water's signal at which a voxel is edema whatever its neighbours are
    uncertain_share : half width of the outline's uncertainty, as a share of that height
    peak_window_mm : distance over which a lesion's own level is taken
    minimal_ml : lesions below this are not believed
    seed_ml : least volume of a lesion's beginnings
    rim_lesion_mm : a lesion that nowhere lies deeper than this below the surface is partial volume
    tube_ratio, tube_ml : a thing that much longer than it is thick, and smaller than this, is a vessel
    """

    correct_shading: bool = True
    shading_margin_mm: float = 15.0
    rim_mm: float = 1.5
    edge_mm: float = 0.6
    rim_share: float = 0.35
    smoothing_mm: float = 0.7
    seed_z: float = 4.5
    grow_z: float = 2.5
    minimal_contrast: float = 0.35
    minimal_water: float = 0.2
    cyst_water: float = 1.5
    red_water: float = 0.45
    red_slope: float = 0.9
    edema_slope: float = 2.0
    fat_water: float = 0.3
    fat_slope: float = 4.0
    red_share: float = 0.03
    red_window_mm: float = 2.5
    satellite_volumes: float = 8.0
    satellite_contrast: float = 1.8
    pattern_slope: float = 0.75
    pattern_loss: float = 0.8
    pattern_contrast: float = 1.3
    pattern_ml: float = 1.0
    pattern_fat: float = 3.0
    bleed_mm: float = 2.5
    outline_share: float = 0.5
    outline_water: float = 0.4
    uncertain_share: float = 0.3
    peak_window_mm: float = 6.0
    minimal_ml: float = 0.08
    seed_ml: float = 0.03
    rim_lesion_mm: float = 2.5
    tube_ratio: float = 4.0
    tube_ml: float = 0.4

    def __post_init__(self) -> None:
        if not 0 < self.grow_z <= self.seed_z:
            raise SettingsError(f"grow_z must lie between 0 and seed_z, got {self.grow_z} and {self.seed_z}")
        low, high = self.outline_share - self.uncertain_share, self.outline_share + self.uncertain_share
        if not 0 < low <= high < 1:
            raise SettingsError(
                f"outline_share +- uncertain_share must lie within 0 and 1, got {low} to {high}"
            )
        if min(self.rim_mm, self.edge_mm, self.smoothing_mm, self.minimal_ml) < 0:
            raise SettingsError("rim_mm, edge_mm, smoothing_mm and minimal_ml must not be below 0")
