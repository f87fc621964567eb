"""Where bones come from: bmetk's own search, or whatever a site has installed in its place.

A package offers a provider under the entry point group ``bmetk.bones``::

    [project.entry-points."bmetk.bones"]
    mine = "mypackage:find_my_bones"

and ``provider = "mine"`` in the table ``[bones]`` of a settings file makes it take the place of bmetk's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Protocol

from bmetk.anatomy import Joint, Label, Side
from bmetk.bones.given import divide_given
from bmetk.bones.provider import BoneSettings
from bmetk.errors import SettingsError
from bmetk.exam import Check, Segmentation
from bmetk.image import Grid, Mask, RigidTransform, ScalarImage

GROUP = "bmetk.bones"


class PlacedBones(Protocol):
    """Bones in the world of the T1 series: what the other stages ask of them."""

    @property
    def joint(self) -> Joint:
        """Joint in view."""

    @property
    def side(self) -> Side:
        """Side in view."""

    @property
    def checks(self) -> tuple[Check, ...]:
        """What the user should know."""

    @property
    def extent_ml(self) -> Mapping[Label, float]:
        """Volume of each whole region, as far as it is known."""

    def place(self, grid: Grid, transform: RigidTransform | None = None) -> tuple[Segmentation, Segmentation]:
        """Fill a grid with bones and regions."""

    def place_marrow(self, bones: Segmentation, transform: RigidTransform | None = None) -> Mask | None:
        """Tell which voxels of placed bones are marrow; None where that is not known."""


class BoneProvider(Protocol):
    """Finds bones in a T1 series.

    It returns bones that can be placed, or a label map whose every label is a `Bone` value with a side;
    regions are then cut by bmetk.
    """

    def __call__(
        self,
        t1: ScalarImage,
        *,
        joint: Joint | None,
        side: Side | None,
        settings: BoneSettings,
        fluid: ScalarImage | None,
    ) -> PlacedBones | Segmentation:
        """Find the bones; `BonesNotFoundError` where there are none."""


def provide_bones(
    t1: ScalarImage,
    *,
    joint: Joint | None = None,
    side: Side | None = None,
    settings: BoneSettings = BoneSettings(),
    fluid: ScalarImage | None = None,
) -> PlacedBones:
    """Find bones with the provider that the settings name.

    Parameters
    ----------
    t1 : T1-weighted or similar; marrow bright
    joint, side : what the tags say; None to recognise them from the picture
    fluid : the fluid-sensitive series, in the same world

    Raises
    ------
    SettingsError
        If there is no such provider, or it fails to load.
    BonesNotFoundError
        If no bone is found.
    """
    provider = load_provider(settings.provider)
    found = provider(t1, joint=joint, side=side, settings=settings, fluid=fluid)
    return divide_given(found, joint, side) if isinstance(found, Segmentation) else found


def load_provider(name: str) -> BoneProvider:
    """Load a bone provider by the name of its entry point.

    Raises
    ------
    SettingsError
        If there is none, or it fails to load.
    """
    offered = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name not in offered:
        known = ", ".join(sorted(offered))
        raise SettingsError(f"bones.provider is {name!r}: install one of that name, or give one of {known}")
    try:
        provider: BoneProvider = offered[name].load()
    except (ImportError, AttributeError) as error:
        raise SettingsError(f"the bone provider {name!r} cannot be loaded: {error}") from error
    return provider
