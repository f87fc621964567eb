"""How edema is found and measured: every threshold once, with its unit."""

from __future__ import annotations

from dataclasses import dataclass

from bmetk.edema.rules import (
    BeliefRules,
    EndRules,
    FatRules,
    PartRules,
    RedRules,
    SideRules,
    SmallRules,
    require_not_negative,
    require_shares,
)
from bmetk.errors import SettingsError

_SHARES = (
    "edge_probability",
    "least_probability",
    "seed_probability",
    "core_share",
    "outline_share",
    "wide_outline_share",
    "uncertain_share",
    "measured_share",
    "alike_share",
    "alike_probability",
    "alike_fatty_probability",
)
_LENGTHS_AND_VOLUMES = ("shading_margin_mm", "beyond_mm", "seed_ml", "minimal_ml", "smoothing_mm")


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
    seed_ml : least volume of the voxels that are beyond doubt
    minimal_ml : lesions below this are not believed
    smoothing_mm : standard deviation of the in-plane smoothing before the outline
    level_window_mm : standard deviation of the distance over which a lesion's own level is taken
    around_window_mm : the same for the marrow around, in bones that may hold red marrow
    core_share : 0 to 1; that level is the mean of what reaches this share of the mean itself; of all in bones
        of unknown name, whose readers draw wide
    outline_share : height between normal marrow and the lesion's own level at which it is outlined
    wide_outline_share : the same in bones of unknown name that are not ``familiar``, whose readers draw wide
    uncertain_share : standard deviation of that height
    measured_share : 0 to 1; least part of a lesion that lies in the regions that are measured
    beyond_mm : how far outside of them lesions are followed
    alike_share, alike_probability : a lesion goes on over marrow that has at least this share of its contrast
        and of its loss of T1, and is at least so likely
    alike_fatty_probability : the same in bones that hold no red marrow
    part, belief, small, fat, red, side, end : the rules by which each piece is judged
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
    fatty_probability: tuple[float, float] = (0.3, 0.6)
    edge_probability: float = 0.15
    seed_ml: float = 0.03
    minimal_ml: float = 0.08
    smoothing_mm: float = 0.7
    level_window_mm: float = 6.0
    around_window_mm: float = 8.0
    core_share: float = 0.8
    outline_share: float = 0.5
    wide_outline_share: float = 0.4
    uncertain_share: float = 0.15
    measured_share: float = 0.2
    beyond_mm: float = 20.0
    alike_share: float = 0.6
    alike_probability: float = 0.05
    alike_fatty_probability: float = 0.01
    part: PartRules = PartRules()
    belief: BeliefRules = BeliefRules()
    small: SmallRules = SmallRules()
    fat: FatRules = FatRules()
    red: RedRules = RedRules()
    side: SideRules = SideRules()
    end: EndRules = EndRules()
    threads: int = 2

    def __post_init__(self) -> None:
        require_shares("edema", self, *_SHARES)
        require_not_negative("edema", self, *_LENGTHS_AND_VOLUMES)
        if not self.edge_probability <= self.least_probability <= self.seed_probability:
            raise SettingsError(
                "edema.edge_probability, least_probability and seed_probability must not fall, got "
                f"{self.edge_probability}, {self.least_probability} and {self.seed_probability}"
            )
        for name in ("level_window_mm", "around_window_mm"):
            if not (window_mm := getattr(self, name)) > 0:
                raise SettingsError(f"edema.{name} must be above 0 mm, got {window_mm} mm")
        if self.threads < 1:
            raise SettingsError(f"edema.threads must be 1 or more, got {self.threads}")
