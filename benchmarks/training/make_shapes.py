"""Make the packaged bone shapes of `bmetk.bones` from the public source models.

Run from the project root::

    python benchmarks/training/make_shapes.py --source ../shared/anatomy --out bmetk/bones/data

The left limb with the pelvis is the statistical shape model of 26 CT scans of the package
musculoskeletal-models 0.2.4 (MPL-2.0); the right foot is that of the package myo-sim 0.2.4 (Apache-2.0).
Everything is LPS, mm.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from bmetk.bones.shape_model import fit_sphere
from bmetk.bones.surfaces import Surface, index_surface, vertex_normals, volume_ml

Array = NDArray[np.float64]
Index = NDArray[np.int64]

FOOT_CUT_MM = 90.0  # height above the plafond at which the tibia and fibula end
FOOT_GAP_MM = 1.2  # least width of a joint space
TOES = {1: (1, 2), 2: (3, 4, 5), 3: (6, 7, 8), 4: (9, 10, 11), 5: (12, 13, 14)}
"""Number of the phalanges of each toe, from proximal to distal, in the source."""


def edges_of(faces: NDArray[np.signedinteger]) -> Index:
    """Return the directed edges, shape (3F, 2)."""
    return np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).astype(np.int64)


def check_closed(name: str, surface: Surface) -> None:
    """Refuse a surface that is not closed, manifold and outward."""
    edges = edges_of(surface.faces)
    twins = {(int(b), int(a)) for a, b in edges}
    if len(twins) != len(edges) or any((int(a), int(b)) not in twins for a, b in edges):
        raise SystemExit(f"{name} is not a closed manifold surface")
    if volume_ml(surface) <= 0:
        raise SystemExit(f"{name} looks inwards: volume {volume_ml(surface):.2f} mL")


def fill_holes(faces: Index) -> Index:
    """Close every hole with a fan of triangles over its border."""
    edges = edges_of(faces)
    present = set(map(tuple, edges.tolist()))
    after = {b: a for a, b in present if (b, a) not in present}
    added = []
    while after:
        start, current = after.popitem()
        loop = [start]
        while current != start:
            loop.append(current)
            current = after.pop(current)
        added += [(loop[0], a, b) for a, b in zip(loop[1:], loop[2:], strict=False)]
    return np.concatenate([faces, np.array(added, faces.dtype).reshape(-1, 3)])


def components(faces: Index, count: int) -> Index:
    """Number the connected parts of a mesh, shape (V,)."""
    edges = edges_of(faces)
    graph = coo_matrix((np.ones(len(edges)), edges.T), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1], np.int64)


def part_of(faces: Index, kept: NDArray[np.bool_]) -> tuple[Index, Index]:
    """Return the kept vertices' numbers, and the faces among them, renumbered."""
    number = np.cumsum(kept) - 1
    return np.flatnonzero(kept), number[faces[kept[faces].all(1)]]


def loop_step(faces: Index, count: int) -> tuple[csr_matrix, Index]:
    """Build one step of Loop's subdivision (C. Loop, 1987): the matrix (new, old) and the new faces."""
    directed = edges_of(faces)
    edges, edge_of = np.unique(np.sort(directed, 1), axis=0, return_inverse=True)
    edge_of = edge_of.reshape(-1)
    opposite = np.concatenate([faces[:, 2], faces[:, 0], faces[:, 1]])
    middle = count + np.arange(len(edges))
    valence = np.bincount(edges.ravel(), minlength=count)
    beta = (0.625 - (0.375 + 0.25 * np.cos(2 * np.pi / valence)) ** 2) / valence
    rows = [middle, middle, count + edge_of, np.arange(count), edges[:, 0], edges[:, 1]]
    columns = [edges[:, 0], edges[:, 1], opposite, np.arange(count), edges[:, 1], edges[:, 0]]
    near, far = np.full(len(edges), 0.375), np.full(len(edge_of), 0.125)
    weights = [near, near, far, 1 - valence * beta, beta[edges[:, 0]], beta[edges[:, 1]]]
    matrix = csr_matrix(
        (np.concatenate(weights), (np.concatenate(rows), np.concatenate(columns))),
        shape=(count + len(edges), count),
    )
    ab, bc, ca = count + edge_of.reshape(3, -1)
    a, b, c = faces.T
    parts = [(a, ab, ca), (b, bc, ab), (c, ca, bc), (ab, bc, ca)]
    return matrix, np.concatenate([np.stack(p, 1) for p in parts])


def refine(vertices: Array, faces: Index, steps: int) -> tuple[Array, Index]:
    """Subdivide to a smooth surface through the given vertices, so that no volume is lost."""
    count, chain = len(vertices), None
    for _ in range(steps):
        matrix, faces = loop_step(faces, count if chain is None else chain.shape[0])
        chain = matrix if chain is None else matrix @ chain
    assert chain is not None
    control = vertices.copy()
    for _ in range(4):
        control += 0.8 * (vertices - (chain @ control)[:count])
    return taubin(np.asarray(chain @ control), faces), faces


def taubin(vertices: Array, faces: Index, rounds: int = 4) -> Array:
    """Smooth without shrinking (G. Taubin, 1995, 10.1145/218380.218473)."""
    edges = edges_of(faces)
    graph = coo_matrix((np.ones(len(edges)), edges.T), shape=(len(vertices),) * 2).tocsr()
    degree = np.asarray(graph.sum(1))
    for _ in range(rounds):
        for factor in (0.5, -0.53):
            vertices = vertices + factor * (graph @ vertices / degree - vertices)
    return vertices


def cut_above(vertices: Array, faces: Index, level: float) -> tuple[Array, Index]:
    """Keep what lies below z = ``level``, and close the cut with a fan about its middle."""
    below = vertices[:, 2] <= level
    kept = faces[below[faces].any(1)]
    used, kept = part_of(kept, np.isin(np.arange(len(vertices)), kept))
    vertices = vertices[used]
    vertices[:, 2] = np.minimum(vertices[:, 2], level)
    edges = edges_of(kept)
    present = set(map(tuple, edges.tolist()))
    rim = np.array([(b, a) for a, b in present if (b, a) not in present])
    middle = np.append(vertices[rim[:, 0], :2].mean(0), level)
    fan = np.column_stack([rim, np.full(len(rim), len(vertices))])
    return np.vstack([vertices, middle]), np.concatenate([kept, fan])


def sphere_inliers(points: Array, start: NDArray[np.bool_], tolerance_mm: float) -> Index:
    """Grow a sphere from a first guess, within twice the tolerance in the last round."""
    chosen = start
    for _ in range(15):
        center, radius = fit_sphere(points[chosen])
        off = np.abs(np.linalg.norm(points - center, axis=1) - radius)
        chosen = (off < tolerance_mm) & (
            np.linalg.norm(points - points[start].mean(0), axis=1) < 1.6 * radius
        )
    return np.flatnonzero(chosen)


def fit_rigid(source: Array, target: Array) -> tuple[Array, Array]:
    """Return the rotation and shift that carry source to target (Kabsch, 1976, 10.1107/S0567739476001873)."""
    a, b = source.mean(0), target.mean(0)
    u, _, vt = np.linalg.svd((source - a).T @ (target - b))
    flip = np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = (u @ flip @ vt).T
    return rotation, b - rotation @ a


def to_midplane(pelvis: Array) -> tuple[Array, Array]:
    """Return the rotation and shift that bring the pelvis's plane of symmetry to x = 0."""
    points = pelvis[::3]
    tree = cKDTree(points)
    mirror = np.diag([-1.0, 1.0, 1.0])
    rotation, shift = np.eye(3), 2 * points.mean(0) * (1, 0, 0)
    for _ in range(40):
        moved = points @ mirror @ rotation.T + shift
        gap, nearest = tree.query(moved)
        good = gap < np.quantile(gap, 0.8)
        rotation, shift = fit_rigid((points @ mirror)[good], points[nearest[good]])
    values, vectors = np.linalg.eig(rotation @ mirror)
    normal = np.real(vectors[:, np.argmin(np.real(values))])
    normal *= np.sign(normal[0])
    axis = np.cross(normal, (1, 0, 0))
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    turn = np.eye(3) + cross + cross @ cross / (1 + normal[0])
    return turn, np.array([-normal @ shift / 2, 0.0, 0.0])


Bones = dict[str, tuple[Array, Index, Array]]


def read_limb(path: Path) -> Bones:
    """Read mean, faces and modes of each bone; the source's tibfib is a tibia and a fibula, unconnected."""
    with np.load(path) as source:
        bones = {}
        for name in ("pelvis", "femur", "patella", "tibfib"):
            mean, faces, modes = (source[f"{name}_{key}"] for key in ("mean", "faces", "modes"))
            bones[name] = mean.astype(float), faces.astype(np.int64), modes.astype(float)
    mean, faces, modes = bones.pop("tibfib")
    parts = components(faces, len(mean))
    first, second = (parts == n for n in np.argsort([mean[parts == n, 0].min() for n in range(2)]))
    for name, kept in (("tibia", first), ("fibula", second)):
        used, local = part_of(faces, kept)
        bones[name] = mean[used], local, modes[:, used]
    return bones


def align(bones: Bones) -> Bones:
    """Turn the mean and every mode so that the pelvis is symmetric about x = 0."""
    pelvis, _, pelvis_modes = bones["pelvis"]
    turn, shift = to_midplane(pelvis)
    turns = [to_midplane(pelvis + mode) for mode in pelvis_modes]
    aligned = {}
    for name, (mean, faces, modes) in bones.items():
        placed = mean @ turn.T + shift
        moved = [(mean + m) @ r.T + t - placed for m, (r, t) in zip(modes, turns, strict=True)]
        aligned[name] = placed, faces, np.array(moved)
    return aligned


def halve_pelvis(bones: Bones) -> Bones:
    """Keep the left hip bone and the sacrum; the right hip bone is the left one mirrored, when read."""
    mean, faces, modes = bones["pelvis"]
    parts = components(faces, len(mean))
    right = int(np.argmin([mean[parts == n, 0].mean() for n in range(3)]))
    left = int(np.argmax([mean[parts == n, 0].mean() for n in range(3)]))
    split = {"hip_bone": parts == left, "sacrum": (parts != left) & (parts != right)}
    halves = {}
    for name, kept in split.items():
        used, local = part_of(faces, kept)
        halves[name] = mean[used], local, modes[:, used]
    return {**halves, **{name: bone for name, bone in bones.items() if name != "pelvis"}}


def shaft_rings(vertices: Array) -> dict[str, Index]:
    """Pick a ring of the shaft at a third and at two thirds of the bone's height."""
    height = (vertices[:, 2] - vertices[:, 2].min()) / np.ptp(vertices[:, 2])
    return {
        "shaft_distal": np.flatnonzero(np.abs(height - 0.35) < 0.05),
        "shaft_proximal": np.flatnonzero(np.abs(height - 0.65) < 0.05),
    }


def mark_femur(vertices: Array, normals: Array) -> dict[str, Index]:
    """Find the marks of the left femur, medial being the smaller x."""
    x, y, z = vertices.T
    head = (z > z.max() - 60) & (x < x.min() + 25)
    marks = {"head": sphere_inliers(vertices, head, 1.0), **shaft_rings(vertices)}
    end = z < z.min() + 45
    middle = (x[end].min() + x[end].max()) / 2
    back = (y > np.quantile(y[end], 0.55)) & end & (z < z.min() + 38) & (normals[:, 1] > 0.2)
    for side, here in (("medial", x < middle - 10), ("lateral", x > middle + 10)):
        marks[f"{side}_condyle"] = sphere_inliers(vertices, back & here, 1.2)
        low = np.flatnonzero(here & end)
        marks[f"{side}_distal"] = low[np.argsort(z[low])[:12]]
        marks[f"{side}_posterior"] = low[np.argsort(-y[low])[:12]]
        marks[f"{side}_epicondyle"] = low[np.argsort(np.abs(x[low] - middle))[-12:]]
    roof = end & (np.abs(x - middle) < 9) & (normals[:, 2] < -0.3) & (normals[:, 1] > 0.1)
    marks["notch"] = np.flatnonzero(roof & (z > z.min() + 8))
    return marks


def mark_tibia(vertices: Array, normals: Array) -> dict[str, Index]:
    """Find the marks of the left tibia."""
    x, _, z = vertices.T
    top = z > z.max() - 20
    middle = (x[top].min() + x[top].max()) / 2
    level = top & (normals[:, 2] > 0.8) & (np.abs(x - middle) > 8)
    low = np.flatnonzero(z < z.min() + 40)
    return {
        **shaft_rings(vertices),
        "medial_plateau": np.flatnonzero(level & (x < middle)),
        "lateral_plateau": np.flatnonzero(level & (x > middle)),
        "plafond": low[(normals[low, 2] < -0.8) & (z[low] > z.min() + 6)],
        "malleolus": np.argsort(z)[:10],
    }


def mark_limb(bones: Bones) -> dict[str, dict[str, Index]]:
    """Find the vertices that give the landmarks, once on the mean: they follow every mode."""
    normals = {n: vertex_normals(Surface(v, f.astype(np.int32))) for n, (v, f, _) in bones.items()}
    femur = bones["femur"][0]
    marks = {"femur": mark_femur(femur, normals["femur"])}
    marks["tibia"] = mark_tibia(bones["tibia"][0], normals["tibia"])
    fibula = bones["fibula"][0][:, 2]
    marks["fibula"] = {"head": np.argsort(fibula)[-30:], "malleolus": np.argsort(fibula)[:10]}
    center, radius = fit_sphere(femur[marks["femur"]["head"]])
    hip_bone = bones["hip_bone"][0]
    for _ in range(10):  # the source's heads lie off their sockets: find the socket from its floor
        inward = center - hip_bone
        reach = np.linalg.norm(inward, axis=1)
        facing = (inward * normals["hip_bone"]).sum(1) > 0.8 * reach
        socket = np.flatnonzero(facing & (np.abs(reach - radius) < 4))
        center, radius = fit_sphere(hip_bone[socket])
    marks["hip_bone"] = {"acetabulum": socket}
    return marks


def make_limb(source: Path, out: Path) -> None:
    """Write the limb model."""
    bones = halve_pelvis(align(read_limb(source / "lower_limb_shape_model.npz")))
    marks = mark_limb(bones)
    origin = fit_sphere(bones["femur"][0][marks["femur"]["head"]])[0] * (0, 1, 1)
    data: dict[str, NDArray[np.generic]] = {}
    for name, (mean, faces, modes) in bones.items():
        check_closed(name, Surface(mean, faces.astype(np.int32)))
        data[f"{name}.mean"] = (mean - origin).astype(np.float32)
        data[f"{name}.faces"] = faces.astype(np.uint16)
        data[f"{name}.modes"] = modes.astype(np.float16)
        for mark, vertices in marks.get(name, {}).items():
            print(f"{name:10s} {mark:18s} {len(vertices):4d} vertices")
            data[f"{name}.at.{mark}"] = np.sort(vertices).astype(np.uint16)
    np.savez_compressed(out / "limb_shapes.npz", allow_pickle=False, **data)


def foot_names() -> dict[str, str]:
    """Name the source's numbered phalanges: ``proximal_phalanx_1`` and so on."""
    names = {}
    for toe, numbers in TOES.items():
        kinds = ("proximal", "distal") if toe == 1 else ("proximal", "middle", "distal")
        names.update({f"phalanx_{n}": f"{k}_phalanx_{toe}" for n, k in zip(numbers, kinds, strict=True)})
    return names


def read_foot(path: Path) -> dict[str, Surface]:
    """Read, close and refine the bones of the right foot."""
    names, bones = foot_names(), {}
    with np.load(path) as source:
        for key in [k.removesuffix("_faces") for k in source.files if k.endswith("_faces")]:
            vertices, faces = source[f"{key}_vertices"].astype(float), source[f"{key}_faces"].astype(np.int64)
            vertices, faces = refine(vertices, fill_holes(faces), 3 if key in ("tibia", "fibula") else 2)
            bones[names.get(key, key)] = Surface(vertices, faces.astype(np.int32))
    tibia = bones["tibia"]
    low = tibia.vertices[tibia.vertices[:, 2] < tibia.vertices[:, 2].min() + 30]
    level = float(np.median(low[:, 2])) + FOOT_CUT_MM
    for name in ("tibia", "fibula"):
        vertices, faces = cut_above(bones[name].vertices, bones[name].faces.astype(np.int64), level)
        bones[name] = Surface(vertices, faces.astype(np.int32))
    return bones


def open_gaps(bones: dict[str, Surface], rounds: int = 8) -> dict[str, Surface]:
    """Draw surfaces back where neighbours come closer than a joint space, each by half."""
    for _ in range(rounds):
        trees = {n: cKDTree(s.vertices) for n, s in bones.items()}
        normals = {n: vertex_normals(s) for n, s in bones.items()}
        moved = {}
        for name, surface in bones.items():
            push = np.zeros(len(surface.vertices))
            for other in trees.keys() - {name}:
                deep = {name, other} == {"talus", "calcaneus"}  # these overlap by 7 mm in the source
                reach_mm = 8.0 if deep else 4.0
                gap, near = trees[other].query(surface.vertices, distance_upper_bound=reach_mm)
                hit = np.flatnonzero(np.isfinite(gap))
                normal = normals[other][near[hit]]
                inside = ((surface.vertices[hit] - bones[other].vertices[near[hit]]) * normal).sum(1) < 0
                need = FOOT_GAP_MM - np.where(inside, -gap[hit], gap[hit])
                facing = (normals[name][hit] * normal).sum(1) < -0.2
                push[hit] = np.maximum(push[hit], np.where(facing, need, 0))
            moved[name] = surface.vertices - 0.5 * push[:, None] * normals[name]
        bones = {n: Surface(taubin(moved[n], s.faces.astype(np.int64), 2), s.faces) for n, s in bones.items()}
    return bones


def foot_axes(bones: dict[str, Surface]) -> dict[str, Array]:
    """Find the joints' axes of the right foot.

    The talocrural axis runs through the middle of the trochlea's curve, along the malleoli; the subtalar axis
    rises 42 degrees and turns 23 degrees medially (V. Inman, The Joints of the Ankle, 1976).
    """
    tips = {
        n: bones[n].vertices[np.argsort(bones[n].vertices[:, 2])[:20]].mean(0) for n in ("tibia", "fibula")
    }
    ankle = (tips["fibula"] - tips["tibia"]) / np.linalg.norm(tips["tibia"] - tips["fibula"])
    talus = bones["talus"].vertices
    dome = index_surface(bones["tibia"]).tree.query(talus)[0] < 6
    dome &= vertex_normals(bones["talus"])[:, 2] > 0.5
    flat = talus[dome] - np.outer(talus[dome] @ ankle, ankle)
    system = np.column_stack([2 * flat, np.ones(len(flat))])
    center = np.linalg.lstsq(system, (flat**2).sum(1), rcond=1e-6)[0][:3]
    center += ankle * (talus[dome].mean(0) @ ankle - center @ ankle)
    rise, turn = np.radians(42.0), np.radians(23.0)
    subtalar = np.array([np.cos(rise) * np.sin(turn), -np.cos(rise) * np.cos(turn), np.sin(rise)])
    neck = talus[talus[:, 1] < np.quantile(talus[:, 1], 0.3)].mean(0)
    axes = {
        "talocrural_point": center,
        "talocrural_axis": ankle,
        "subtalar_point": neck,
        "subtalar_axis": subtalar,
    }
    heads = []
    for toe in TOES:
        bone = bones[f"metatarsal_{toe}"].vertices
        heads.append(bone[np.argsort(bone[:, 1])[: len(bone) // 5]].mean(0))
    return {**axes, "metatarsal_heads": np.array(heads)}


def make_foot(source: Path, out: Path) -> None:
    """Write the foot."""
    bones = read_foot(source / "foot_bones.npz")
    bones |= open_gaps({n: s for n, s in bones.items() if not n.startswith(("middle", "distal"))})
    data: dict[str, NDArray[np.generic]] = {}
    for name, surface in bones.items():
        check_closed(name, surface)
        print(f"{name:24s} {len(surface.vertices):5d} vertices {volume_ml(surface):7.2f} mL")
        data[f"{name}.vertices"] = np.round(surface.vertices * 64).astype(np.int16)
        data[f"{name}.faces"] = surface.faces.astype(np.uint16)
    data.update({f"at.{name}": value.astype(np.float32) for name, value in foot_axes(bones).items()})
    np.savez_compressed(out / "foot_shapes.npz", allow_pickle=False, **data)


def main() -> None:
    """Read the arguments and write both files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--source", type=Path, required=True, help="folder of the two source files")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    given = parser.parse_args()
    make_limb(given.source, given.out)
    make_foot(given.source, given.out)


if __name__ == "__main__":
    main()
