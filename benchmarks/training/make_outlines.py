"""Draw the outlines of the body map of `bmetk.report` from the packaged bone shapes.

Run from the project root::

    python benchmarks/training/make_outlines.py --out bmetk/report/data/body_map.json

The left limb is seen from the front, a little abducted, with the foot from above below it; the page
mirrors it for the right. Units are mm on the page: x to the viewer's right, y up, 0 between the hips. The
shafts are drawn shorter than they are, so that the joints, where edema lies, have room.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage
from skimage.measure import approximate_polygon, find_contours

from bmetk.anatomy import Region
from bmetk.bones.shape_model import load_foot, load_limb_model

Array = NDArray[np.float64]
Outlines = dict[str, list[list[list[float]]]]

ABDUCTION_DEG = 6.0
FOOT_SCALE = 1.55
FOOT_DROP_MM = 45.0
SUBSAMPLING = 2  # raster pixels per mm
SMOOTH_MM = 0.9
TOLERANCE_MM = 0.6
SHORTENED_MM = ((-310.0, -120.0), (-730.0, -500.0))  # spans of the femoral and the tibial shaft
SHORTER = 0.3


def silhouette(points: Array, faces: NDArray[np.integer]) -> list[list[list[float]]]:
    """Outline the projection of a surface, points (V, 2), as closed polygons, holes included."""
    low = points.min(axis=0) - 5
    size = np.ceil((points.max(axis=0) - low + 5) * SUBSAMPLING).astype(int)
    canvas = Image.new("1", (int(size[0]), int(size[1])))
    pen = ImageDraw.Draw(canvas)
    for triangle in (points - low)[faces] * SUBSAMPLING:
        pen.polygon([tuple(corner) for corner in triangle], fill=1, outline=1)
    shape = ndimage.gaussian_filter(np.asarray(canvas, dtype=np.float64), SMOOTH_MM * SUBSAMPLING)
    outlines = []
    for contour in find_contours(shape, 0.5):
        simple = approximate_polygon(contour, TOLERANCE_MM * SUBSAMPLING)
        if len(simple) > 8:
            outlines.append(np.round(simple[:, ::-1] / SUBSAMPLING + low, 1).tolist())
    return outlines


def shorten(height_mm: float) -> float:
    """Bring what lies below the middle of a shaft nearer."""
    cut = sum(min(max(top - height_mm, 0.0), top - low) for low, top in SHORTENED_MM)
    return round(height_mm + (1 - SHORTER) * cut, 1)


def frontal(points: Array) -> Array:
    """Project LPS points as seen from the front: the patient's left is on the viewer's right."""
    return np.asarray(points)[..., [0, 2]]


def draw_limb() -> tuple[Outlines, dict[str, list[float]], Array]:
    """Outline pelvis and left limb; give the sites of the regions and the middle of the ankle too."""
    model = load_limb_model()
    bones = model.subject()
    marks = model.landmarks(bones)
    hip = frontal(marks.head_center)
    angle = np.radians(ABDUCTION_DEG)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])

    def abduct(points: Array) -> Array:
        return (frontal(points) - hip) @ turn.T + hip

    outlines: Outlines = {"pelvis": silhouette(frontal(bones["pelvis"].vertices), bones["pelvis"].faces)}
    for name in ("fibula", "tibia", "femur", "patella"):
        outlines[name] = silhouette(abduct(bones[name].vertices), bones[name].faces)
    up = marks.femur_axis
    places = {
        "femoral_head": marks.head_center,
        "femoral_neck": marks.head_center + [30, 0, -20],
        "intertrochanteric": marks.head_center + [48, 0, -58],
        "proximal_femoral_shaft": marks.head_center + [44, 0, -125],
        "medial_femoral_condyle": marks.medial_condyle_center,
        "lateral_femoral_condyle": marks.lateral_condyle_center,
        "distal_femoral_metaphysis": marks.knee_center + 62 * up,
        "patella": marks.patella_center,
        "medial_tibial_plateau": marks.medial_plateau - 12 * marks.tibia_axis,
        "lateral_tibial_plateau": marks.lateral_plateau - 12 * marks.tibia_axis,
        "proximal_tibial_metaphysis": (marks.medial_plateau + marks.lateral_plateau) / 2
        - 60 * marks.tibia_axis,
        "proximal_fibula": marks.fibula_head - 14 * marks.tibia_axis,
        "distal_tibia": marks.plafond + 16 * marks.tibia_axis,
        "distal_fibula": marks.lateral_malleolus + 18 * marks.tibia_axis,
    }
    sites = {name: np.round(abduct(place), 1).tolist() for name, place in places.items()}
    sites["acetabulum"] = np.round(hip + [-14, 27], 1).tolist()
    return outlines, sites, abduct((marks.plafond + marks.lateral_malleolus) / 2)


def draw_foot(ankle: Array) -> tuple[Outlines, dict[str, list[float]]]:
    """Outline the left foot from above, toes down the page, below the ankle."""
    bones = {
        name: bone for name, bone in load_foot().bones("left").items() if name not in ("tibia", "fibula")
    }
    every = np.concatenate([bone.vertices for bone in bones.values()])[:, :2]
    top = np.array([every[:, 0].mean(), every[:, 1].max()])
    place = ankle - [0, FOOT_DROP_MM]

    def lay(points: Array) -> Array:
        return (points[..., :2] - top) * FOOT_SCALE + place

    # From the sole upwards, so that the bones on top are drawn last.
    order = sorted(bones, key=lambda name: float(bones[name].vertices[:, 2].mean()))
    outlines: Outlines = {name: silhouette(lay(bones[name].vertices), bones[name].faces) for name in order}
    sites = {name: np.round(lay(bone.vertices).mean(axis=0), 1).tolist() for name, bone in bones.items()}
    sites["distal_phalanges"] = sites["distal_phalanx_3"]
    return outlines, {name: site for name, site in sites.items() if name in set(Region)}


def main() -> None:
    """Write the outlines and sites as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    limb, limb_sites, ankle = draw_limb()
    foot, foot_sites = draw_foot(ankle)
    outlines = {
        name: [[[x, shorten(y)] for x, y in polygon] for polygon in polygons]
        for name, polygons in {**limb, **foot}.items()
    }
    sites = {name: [x, shorten(y)] for name, (x, y) in {**limb_sites, **foot_sites}.items()}
    document = {"outlines": outlines, "sites": sites}
    path = parser.parse_args().out
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
