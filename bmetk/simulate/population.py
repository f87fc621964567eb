"""Random exams and patients: what accuracy is developed and tested on.

Seeds are divided once and for all, so that nobody tests on what was tuned on:

| seeds | population |
|---|---|
| below 1 000 000 | free for users and unit tests |
| 1 000 000 to 1 999 999 | ``development`` |
| 2 000 000 to 2 999 999 | ``test`` |
| 3 000 000 to 3 999 999 | bodies that the packaged network was trained on (`benchmarks/training`) |

Joints, regions and courses follow the published distribution: hip most often, then knee, ankle and
foot; an episode peaks at 2 to 3 months and resolves within 6 to 12 (PMC2329633).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np

from bmetk.anatomy import Joint, Region, Side
from bmetk.errors import UnknownNameError
from bmetk.simulate.courses import date_after
from bmetk.simulate.protocols import WIDE, Variation, draw_pose, draw_protocol
from bmetk.simulate.spec import ExamSpec, LesionSpec, PatientSpec, SignSpec, SubjectSpec

POPULATIONS = {"development": 1_000_000, "test": 2_000_000}
"""First seed of each population; each has a million."""
MOST_SUBJECTS = 100_000
"""How many exams of a kind a population holds, and how many patients."""

Pattern = tuple[tuple[Region, ...], ...]

_R = Region
_JOINTS = (Joint.HIP, Joint.KNEE, Joint.ANKLE, Joint.FOOT)
_JOINT_SHARES = (0.4, 0.3, 0.17, 0.13)
_PATTERNS: dict[Joint, tuple[tuple[float, Pattern], ...]] = {
    Joint.HIP: (
        (0.40, ((_R.FEMORAL_HEAD, _R.FEMORAL_NECK),)),
        (0.30, ((_R.FEMORAL_HEAD, _R.FEMORAL_NECK, _R.INTERTROCHANTERIC),)),
        (0.20, ((_R.FEMORAL_HEAD,),)),
        (0.10, ((_R.FEMORAL_HEAD,), (_R.ACETABULUM,))),
    ),
    Joint.KNEE: (
        (0.34, ((_R.MEDIAL_FEMORAL_CONDYLE,),)),
        (0.28, ((_R.LATERAL_FEMORAL_CONDYLE,),)),
        (0.12, ((_R.MEDIAL_FEMORAL_CONDYLE, _R.LATERAL_FEMORAL_CONDYLE),)),
        (0.10, ((_R.MEDIAL_TIBIAL_PLATEAU,),)),
        (0.08, ((_R.LATERAL_TIBIAL_PLATEAU,),)),
        (0.05, ((_R.MEDIAL_FEMORAL_CONDYLE,), (_R.MEDIAL_TIBIAL_PLATEAU,))),
        (0.03, ((_R.PATELLA,),)),
    ),
    Joint.ANKLE: (
        (0.50, ((_R.TALUS,),)),
        (0.18, ((_R.TALUS,), (_R.NAVICULAR,))),
        (0.14, ((_R.CALCANEUS,),)),
        (0.10, ((_R.DISTAL_TIBIA,),)),
        (0.08, ((_R.NAVICULAR,), (_R.MEDIAL_CUNEIFORM,))),
    ),
    Joint.FOOT: (
        (0.30, ((_R.METATARSAL_2,), (_R.METATARSAL_3,))),
        (0.20, ((_R.METATARSAL_1,), (_R.MEDIAL_CUNEIFORM,))),
        (0.20, ((_R.METATARSAL_2, _R.PROXIMAL_PHALANX_2), (_R.METATARSAL_3, _R.PROXIMAL_PHALANX_3))),
        (0.15, ((_R.CUBOID,),)),
        (0.15, ((_R.NAVICULAR,), (_R.INTERMEDIATE_CUNEIFORM,))),
    ),
}
_DAYS_A_MONTH = 27


@dataclass(frozen=True, slots=True)
class Episode:
    """Edema of one joint from its onset to its resolution; months count from the first onset."""

    joint: Joint
    side: Side
    onset_month: int
    duration_months: float
    lesions: tuple[LesionSpec, ...]

    def activity(self, month: float) -> float:
        """Give the share of the peak, 0 to 1: full 2.5 months after onset, then falling to 0 at the end."""
        since = month - self.onset_month
        rise = np.clip(since / 1.5, 0.0, 1.0) if since > 0 else 0.0
        fall = np.clip((self.duration_months - since) / (self.duration_months - 2.5), 0.0, 1.0)
        return float(min(rise, fall))

    def lesions_at(self, month: float) -> tuple[LesionSpec, ...]:
        """Scale the lesions to a month; none once less than a tenth of the activity is left."""
        activity = self.activity(month)
        if activity < 0.1:
            return ()
        return tuple(
            replace(
                lesion,
                fill=round(lesion.fill * (0.3 + 0.7 * activity), 3),
                strength=round(lesion.strength * (0.5 + 0.5 * activity), 3),
            )
            for lesion in self.lesions
        )


def random_subject(rng: np.random.Generator, exam_year: int) -> SubjectSpec:
    """Draw an adult; men outnumber women three to one, as in the published cases."""
    woman = rng.random() < 0.25
    return SubjectSpec(
        seed=int(rng.integers(1, 2**31)),
        sex="F" if woman else "M",
        birth_year=exam_year - int(rng.integers(25, 71)),
        scale=round(float(np.clip(rng.normal(0.94 if woman else 1.01, 0.05), 0.82, 1.15)), 3),
        red_marrow=round(float(rng.beta(1.5, 4.0)), 2),
    )


def random_exam(
    seed: int, joint: Joint | None = None, *, healthy: bool = False, variation: Variation = WIDE
) -> ExamSpec:
    """Draw one exam: body, edema, signs, pose and protocol.

    Parameters
    ----------
    seed : 0 or more; see the table of populations above
    joint : None to draw it
    healthy : without edema
    variation : how far protocols and poses stray
    """
    rng = np.random.default_rng([seed, 1])
    drawn = _JOINTS[int(rng.choice(len(_JOINTS), p=_JOINT_SHARES))]
    joint = joint or drawn
    side = (Side.RIGHT, Side.LEFT)[int(rng.integers(2))]
    both = joint is Joint.HIP and rng.random() < 0.5
    day = date_after(2015, int(rng.integers(120)), int(rng.integers(1, _DAYS_A_MONTH)))
    subject = random_subject(rng, day.year)
    lesions = _draw_lesions(rng, joint, side)
    return ExamSpec(
        joint=joint,
        side=Side.BOTH if both else side,
        date=day,
        subject=subject,
        lesions=() if healthy else lesions,
        signs=_draw_signs(rng, healthy=healthy),
        pose=draw_pose(rng, joint, variation),
        protocol=draw_protocol(rng, joint, Side.BOTH if both else side, variation),
        seed=int(rng.integers(1, 2**31)),
    )


def _draw_signs(rng: np.random.Generator, *, healthy: bool) -> SignSpec:
    effusion = rng.uniform(0.0, 0.25) if healthy or rng.random() < 0.4 else rng.uniform(0.25, 1.0)
    return SignSpec(effusion=round(float(effusion), 2), cysts=int(rng.choice((0, 0, 0, 1, 2))))


def _draw_lesions(rng: np.random.Generator, joint: Joint, side: Side) -> tuple[LesionSpec, ...]:
    """Draw the regions by their published frequency, and the look of each lesion."""
    patterns = _PATTERNS[joint]
    chosen = patterns[int(rng.choice(len(patterns), p=[share for share, _ in patterns]))][1]
    strength = rng.uniform(0.35, 0.9)
    return tuple(_draw_lesion(rng, regions, side, float(strength)) for regions in chosen)


def _draw_lesion(
    rng: np.random.Generator, regions: tuple[Region, ...], side: Side, strength: float
) -> LesionSpec:
    subchondral = {_R.FEMORAL_HEAD, _R.MEDIAL_FEMORAL_CONDYLE, _R.LATERAL_FEMORAL_CONDYLE}
    return LesionSpec(
        regions=regions,
        side=side,
        strength=round(strength, 3),
        fill=round(float(rng.uniform(0.3, 0.9)), 3),
        edge_mm=round(float(rng.uniform(2.0, 8.0)), 2),
        texture=round(float(rng.uniform(0.05, 0.3)), 3),
        seed=int(rng.integers(1, 2**31)),
        spare_medial_head=regions[0] is _R.FEMORAL_HEAD and rng.random() < 0.3,
        subchondral_fracture=regions[0] in subchondral and rng.random() < 0.25,
    )


def retest_pair(seed: int, joint: Joint | None = None) -> tuple[ExamSpec, ExamSpec]:
    """Draw the same subject with the same edema examined twice, a week apart.

    Pose, coil, gain, noise and protocol differ; body, lesions and effusion do not.
    """
    test = random_exam(seed, joint)
    rng = np.random.default_rng([seed, 2])
    retest = replace(
        test,
        date=test.date + timedelta(days=7),
        pose=draw_pose(rng, test.joint),
        protocol=draw_protocol(rng, test.joint, test.side),
        seed=int(rng.integers(1, 2**31)),
    )
    return test, retest


def random_patient(seed: int, name: str | None = None, *, variation: Variation = WIDE) -> PatientSpec:
    """Draw a patient whose edema migrates: 2 to 6 exams of 1 to 4 episodes, some followed up.

    Parameters
    ----------
    seed : 0 or more; see the table of populations above
    name : folder name; ``random-<seed>`` when None
    variation : how far protocols and poses stray
    """
    rng = np.random.default_rng([seed, 3])
    count = int(rng.integers(2, 7))
    episodes = _draw_episodes(rng, max(1, round(count * 0.6)))
    start_year, start_month = int(rng.integers(2010, 2020)), int(rng.integers(12))
    subject = random_subject(rng, start_year)
    exams = []
    for month, episode in _draw_visits(rng, episodes, count):
        day = date_after(start_year, start_month + month, int(rng.integers(1, _DAYS_A_MONTH)))
        lesions = _lesions_in_view(episodes, episode, month)
        exams.append(_visit(rng, episode, day, subject, lesions, variation))
    language = str(rng.choice(("en", "en", "es", "de", "fr", "pt", "it")))
    exams.sort(key=lambda exam: exam.date)
    return PatientSpec(name or f"random-{seed}", tuple(exams), language)


def _draw_episodes(rng: np.random.Generator, count: int) -> tuple[Episode, ...]:
    """Draw episodes 2 to 24 months apart; each hits another joint or side than the one before."""
    episodes: list[Episode] = []
    month = 0
    while len(episodes) < count:
        joint = _JOINTS[int(rng.choice(len(_JOINTS), p=_JOINT_SHARES))]
        side = (Side.RIGHT, Side.LEFT)[int(rng.integers(2))]
        if any((joint, side) == (past.joint, past.side) for past in episodes):
            continue
        lesions = _draw_lesions(rng, joint, side)
        episodes.append(Episode(joint, side, month, float(rng.uniform(6, 12)), lesions))
        month += int(np.clip(rng.lognormal(np.log(6), 0.7), 2, 24))
    return tuple(episodes)


def _draw_visits(
    rng: np.random.Generator, episodes: tuple[Episode, ...], count: int
) -> list[tuple[int, Episode]]:
    """Schedule one exam 2 or 3 months into each episode, the others as follow-up until it is over."""
    first = [(episode.onset_month + int(rng.integers(2, 4)), episode) for episode in episodes]
    later: list[tuple[int, Episode]] = []
    while len(first) + len(later) < count:
        month, episode = first[int(rng.integers(len(first)))]
        visit = (month + int(rng.integers(2, 13)), episode)
        if visit not in later:
            later.append(visit)
    return sorted([*first, *later], key=lambda visit: visit[0])


def _lesions_in_view(episodes: tuple[Episode, ...], shown: Episode, month: float) -> tuple[LesionSpec, ...]:
    """Gather what every episode left in the joint on view: both hips, or ankle and foot of one side."""
    return tuple(
        lesion for episode in episodes if _shares_view(episode, shown) for lesion in episode.lesions_at(month)
    )


def _shares_view(episode: Episode, shown: Episode) -> bool:
    hips = episode.joint is shown.joint is Joint.HIP
    foot = {episode.joint, shown.joint} <= {Joint.ANKLE, Joint.FOOT}
    return hips or (episode.side is shown.side and (foot or episode.joint is shown.joint))


def _visit(
    rng: np.random.Generator,
    episode: Episode,
    day: date,
    subject: SubjectSpec,
    lesions: tuple[LesionSpec, ...],
    variation: Variation,
) -> ExamSpec:
    side = Side.BOTH if episode.joint is Joint.HIP else episode.side
    return ExamSpec(
        joint=episode.joint,
        side=side,
        date=day,
        subject=subject,
        lesions=lesions,
        signs=_draw_signs(rng, healthy=not lesions),
        pose=draw_pose(rng, episode.joint, variation),
        protocol=draw_protocol(rng, episode.joint, side, variation),
        seed=int(rng.integers(1, 2**31)),
    )


def population(name: str, count: int, *, first: int = 0) -> tuple[PatientSpec, ...]:
    """Draw ``count`` patients of a population, from number ``first`` on.

    Raises
    ------
    UnknownNameError
        If the population is neither ``development`` nor ``test``.
    """
    base = _first_seed(name)
    return tuple(random_patient(base + n, f"{name}-{n:04d}") for n in range(first, first + count))


def exam_population(
    name: str, count: int, joint: Joint | None = None, *, healthy: bool = False, first: int = 0
) -> tuple[ExamSpec, ...]:
    """Draw ``count`` exams of a population, from number ``first`` on; healthy ones are other people."""
    base = _first_seed(name) + (500_000 if healthy else 0)
    return tuple(random_exam(base + n, joint, healthy=healthy) for n in range(first, first + count))


def necrosis_population(name: str, count: int, *, first: int = 0) -> tuple[ExamSpec, ...]:
    """Draw ``count`` hips and ankles with osteonecrosis, from number ``first`` on.

    Every second one has edema besides, every second hip a collapsed head.
    """
    base = _first_seed(name) + 600_000
    exams = []
    for n in range(first, first + count):
        joint = (Joint.HIP, Joint.HIP, Joint.ANKLE)[n % 3]
        spec = random_exam(base + n, joint, healthy=n % 2 == 0)
        side = (Side.RIGHT, Side.LEFT)[n % 2] if spec.side is Side.BOTH else spec.side
        collapse_mm = 4.0 + n % 3 if joint is Joint.HIP and n % 4 < 2 else 0.0
        signs = replace(spec.signs, osteonecrosis=side, collapse_mm=collapse_mm)
        exams.append(replace(spec, signs=signs))
    return tuple(exams)


def retest_population(
    name: str, count: int, joint: Joint | None = None, *, first: int = 0
) -> tuple[tuple[ExamSpec, ExamSpec], ...]:
    """Draw ``count`` test-retest pairs of a population, from number ``first`` on."""
    base = _first_seed(name)
    return tuple(retest_pair(base + n, joint) for n in range(first, first + count))


def _first_seed(name: str) -> int:
    if name not in POPULATIONS:
        raise UnknownNameError(f"no population {name!r}; known are {', '.join(POPULATIONS)}")
    return POPULATIONS[name]
