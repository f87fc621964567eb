"""One femur between two exams of a knee: bmetk beside elastix, ANTs and SimpleITK, in one run.

Run ``python benchmarks/bone_registration.py``. The others are optional (``pip install -e '.[bench]'``); one
that is not installed is told as such. Every tool gets the same T1 images, the same true mask of the femur
and one thread. Told are seconds, Dice of the carried-over femur with the true one, and the median distance of
its surface from the true one. The knee is turned and flexed between the exams; scanner and plane may differ.
"""

from __future__ import annotations

import os

os.environ["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] = "1"

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
from scipy import ndimage

from bmetk.anatomy import Bone, Joint, Side, bone_value
from bmetk.bones.surfaces import Surface, distance, index_surface
from bmetk.image import Grid, Mask, RigidTransform, ScalarImage, resample_mask
from bmetk.image.nifti import write_nifti
from bmetk.registration import register_bone, view_bone
from bmetk.simulate.exam import simulate_exam
from bmetk.simulate.population import random_exam
from bmetk.simulate.spec import PoseSpec
from bmetk.simulate.subject import pose_subject

MARGIN_MM = 8.0


@dataclass(frozen=True)
class Case:
    """Two exams: T1 images, masks of the femur on their grids, and the true movement between them."""

    images: tuple[ScalarImage, ScalarImage]
    masks: tuple[Mask, Mask]
    true: RigidTransform
    surface: Surface
    seen: np.ndarray


Tool = Callable[[Case], RigidTransform]


def make_case(seed: int) -> Case:
    """Simulate a knee twice; the second time it lies turned by 9 degrees and flexed by 5 more."""
    first = random_exam(seed, Joint.KNEE)
    other = random_exam(seed + 1, Joint.KNEE)
    still = replace(first.protocol, motion_mm=0.0)
    first = replace(first, pose=PoseSpec(flexion_deg=5.0), protocol=still)
    second = replace(
        first,
        pose=PoseSpec(flexion_deg=10.0, tilt_deg=(3.0, 2.0, 9.0), shift_mm=(6.0, -4.0, 8.0)),
        protocol=replace(other.protocol, motion_mm=0.0),
        seed=other.seed,
    )
    exams = [simulate_exam(spec) for spec in (first, second)]
    posed = [pose_subject(spec).bone("femur", Side(first.side)) for spec in (first, second)]
    value = bone_value(Bone.FEMUR, Side(first.side))
    images = tuple(exam.t1.image for exam in exams)
    masks = tuple(
        resample_mask(exam.truth.bones.labels.mask(value), image.grid)
        for exam, image in zip(exams, images, strict=True)
    )
    true = posed[1].to_body.inverse().after(posed[0].to_body)
    surface = posed[0].surface
    points = surface.vertices
    seen = images[0].grid.contains(points) & images[1].grid.contains(true.apply(points))
    return Case((images[0], images[1]), (masks[0], masks[1]), true, surface, seen)


def by_bmetk(case: Case) -> RigidTransform:
    """Register as the tracker does."""
    views = [
        view_bone(mask, {"t1": (image, None)}) for mask, image in zip(case.masks, case.images, strict=True)
    ]
    found = register_bone(*views).transform
    assert found is not None, "refused"
    return found


def by_simpleitk(case: Case) -> RigidTransform:
    """Rigid, masked Mattes mutual information in three levels, started from the centres of the masks."""
    import SimpleITK as sitk

    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    fixed, moving = (image.to_sitk() for image in case.images)
    start = sitk.Euler3DTransform()
    start.SetCenter(centre(case.masks[0]).tolist())
    start.SetTranslation(start_mm(case).tolist())
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(32)
    method.SetMetricFixedMask(widened(case.masks[0]).to_sitk())
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentage(0.2, seed=1)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(1.0, 1e-3, 150)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([4, 2, 1])
    method.SetSmoothingSigmasPerLevel([2, 1, 0])
    method.SetInitialTransform(start, inPlace=True)
    method.Execute(fixed, moving)
    return from_points(start.TransformPoint)


def by_elastix(case: Case) -> RigidTransform:
    """Register by elastix's own rigid parameters, masked, started from the centres of the masks."""
    import itk

    itk.MultiThreaderBase.SetGlobalDefaultNumberOfThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        fixed, moving, mask = (itk.imread(path, kind) for path, kind in written(case, folder, itk))
        parameters = itk.ParameterObject.New()
        chosen = parameters.GetDefaultParameterMap("rigid")
        chosen["AutomaticTransformInitialization"] = ["false"]
        parameters.AddParameterMap(chosen)
        _, found = itk.elastix_registration_method(
            fixed, moving, parameter_object=parameters, fixed_mask=mask, log_to_console=False
        )
    told = found.GetParameterMap(0)
    angles = np.array([float(v) for v in told["TransformParameters"]])
    middle = np.array([float(v) for v in told["CenterOfRotationPoint"]])
    euler = itk.Euler3DTransform[itk.D].New()
    euler.SetCenter(middle.tolist())
    euler.SetParameters(itk.OptimizerParameters[itk.D](angles.tolist()))
    return shifted_back(case, from_points(lambda point: tuple(euler.TransformPoint(point))))


def by_ants(case: Case) -> RigidTransform:
    """Register by ANTs' rigid recipe, masked, begun where the femurs' centres meet."""
    import ants

    with tempfile.TemporaryDirectory() as folder:
        paths = [path for path, _ in written(case, folder, None)]
        fixed, moving, mask = (ants.image_read(path) for path in paths)
        found = ants.registration(
            fixed,
            moving,
            type_of_transform="Rigid",
            mask=mask,
            outprefix=f"{folder}/found",
            random_seed=1,
            initial_transform="identity",
        )
        move = ants.read_transform(found["fwdtransforms"][0])
        # antspyx reads NIfTI as ITK does: points are LPS.
        found_move = from_points(lambda point: ants.apply_ants_transform_to_point(move, point))
    return shifted_back(case, found_move)


def written(case: Case, folder: str, itk: object) -> list[tuple[str, object]]:
    """Write fixed, moving and mask as files; the moving one is shifted so that the femurs' centres meet."""
    fixed, moving = case.images
    affine = moving.grid.affine.copy()
    affine[:3, 3] -= start_mm(case)
    images = (fixed, ScalarImage(moving.array, Grid(moving.grid.shape, affine)), widened(case.masks[0]))
    paths = [str(Path(folder) / f"{name}.nii.gz") for name in ("fixed", "moving", "mask")]
    for image, path in zip(images, paths, strict=True):
        write_nifti(image, Path(path))
    kinds = (None,) * 3 if itk is None else (itk.F, itk.F, itk.UC)  # type: ignore[attr-defined]
    return list(zip(paths, kinds, strict=True))


def start_mm(case: Case) -> np.ndarray:
    """Shift from the centre of the femur in the one exam to that in the other: where every tool begins."""
    return centre(case.masks[1]) - centre(case.masks[0])


def shifted_back(case: Case, found: RigidTransform) -> RigidTransform:
    """Undo the shift of the moving file."""
    return RigidTransform(np.eye(3), start_mm(case)).after(found)


def centre(mask: Mask) -> np.ndarray:
    """Middle of a mask, LPS mm."""
    return mask.grid.to_world(np.array(ndimage.center_of_mass(mask.array)))


def widened(mask: Mask) -> Mask:
    """Add a margin, so that the cortex and what lies beside it count too."""
    away = ndimage.distance_transform_edt(~mask.array, sampling=mask.grid.spacing_mm)
    return Mask(away <= MARGIN_MM, mask.grid)


def from_points(move: Callable[[tuple[float, float, float]], tuple[float, ...]]) -> RigidTransform:
    """Read a rigid movement off four points."""
    zero = np.array(move((0.0, 0.0, 0.0)))
    ends = [np.array(move(tuple(100.0 * axis))) for axis in np.eye(3)]  # type: ignore[arg-type]
    u, _, v = np.linalg.svd(np.stack([(end - zero) / 100.0 for end in ends], axis=1))
    return RigidTransform(u @ v, zero)


def score(case: Case, found: RigidTransform) -> tuple[float, float]:
    """Dice of the carried-over femur, and median distance of its surface from the true one, mm."""
    carried = resample_mask(case.masks[1], case.masks[0].grid, found).array
    inside = resample_mask(
        Mask(np.ones(case.masks[1].grid.shape, bool), case.masks[1].grid), case.masks[0].grid, found
    )
    own = case.masks[0].array & inside.array
    dice = 2 * (carried & own).sum() / max(1, carried.sum() + own.sum())
    carried_mm = found.apply(case.surface.vertices[case.seen])
    away = distance(index_surface(case.surface), case.true.inverse().apply(carried_mm))
    return float(dice), float(np.median(away))


def main() -> None:
    """Run every tool on every knee."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--knees", type=int, default=1)
    given = parser.parse_args()
    tools: dict[str, tuple[str, Tool]] = {
        "bmetk": ("bmetk", by_bmetk),
        "elastix": ("itk.itkElastixRegistrationMethodPython", by_elastix),
        "ANTs": ("ants", by_ants),
        "SimpleITK": ("SimpleITK", by_simpleitk),
    }
    for knee in range(given.knees):
        case = make_case(40 + 2 * knee)
        print(f"knee {knee + 1}: femur turned by {case.true.angle_deg:.0f} degrees")
        dice, _ = score(case, case.true)
        print(f"  {'the truth itself':16} Dice {dice:.3f}")
        for name, (module, tool) in tools.items():
            try:
                import_module(module)
            except ImportError:
                print(f"  {name:16} not installed")
                continue
            wall, processor = perf_counter(), process_time()
            found = tool(case)
            seconds = perf_counter() - wall, process_time() - processor
            dice, away = score(case, found)
            print(
                f"  {name:16} {seconds[0]:5.2f} s ({seconds[1]:5.2f} s of processor)  Dice {dice:.3f}  "
                f"surface {away:.2f} mm", flush=True,
            )  # fmt: skip


if __name__ == "__main__":
    main()
