"""The main job: the sample patient from DICOM to timeline, against what was simulated."""

import json

import pytest

from bmetk.config import Settings
from bmetk.patient import track_to
from bmetk.simulate.sample import find_sample
from bmetk.study import ReadOptions

LEAST_ML = 2.0


@pytest.fixture(scope="module")
def timeline(tmp_path_factory):
    out = tmp_path_factory.mktemp("sample") / "out"
    return track_to([find_sample() / "studies"], out, settings=Settings(), options=ReadOptions())


@pytest.fixture(scope="module")
def true_ml():
    volumes = {}
    for path in sorted((find_sample() / "truth").rglob("truth.json")):
        document = json.loads(path.read_text(encoding="utf-8"))
        for row in document["regions"]:
            volumes[document["date"], row["side"], row["region"]] = row["edema_ml"]
    return volumes


def test_every_lesion_is_found_with_its_volume(timeline, true_ml):
    found = {
        (str(point.date), history.side, history.region): point.edema_ml
        for history in timeline.regions
        for point in history.points
        if point.edema_ml is not None
    }
    lesions = {key: ml for key, ml in true_ml.items() if ml is not None and ml > LEAST_ML}
    assert len(lesions) >= 6
    for key, ml in lesions.items():
        assert found[key] == pytest.approx(ml, rel=0.2), key


def test_nothing_is_made_up(timeline, true_ml):
    for history in timeline.regions:
        for point in history.points:
            true = true_ml.get((str(point.date), history.side, history.region)) or 0.0
            assert (point.edema_ml or 0.0) < true * 1.3 + 1.0, (point.date, history.region)


def test_edema_migrates_from_hip_to_knee_to_the_other_hip(timeline):
    moves = [
        (str(m.origin.side), m.origin.region, str(m.target.side), m.target.region)
        for m in timeline.migrations
    ]
    assert moves == [
        ("right", "intertrochanteric", "right", "lateral_femoral_condyle"),
        ("right", "lateral_femoral_condyle", "left", "femoral_head"),
    ]
    resolved = {(str(e.side), e.region) for e in timeline.events if e.kind == "resolved"}
    assert {("right", "femoral_head"), ("right", "lateral_femoral_condyle")} <= resolved
