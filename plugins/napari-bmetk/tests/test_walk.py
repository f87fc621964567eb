"""The whole patient in a real `napari` process, from the sample to the reopened signature."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

LEFT_EARLY = """
import sys, time
import napari_bmetk

viewer = napari_bmetk.open_result(sys.argv[1], run=False)
napari_bmetk.open_dock(viewer).job.start(lambda _on_progress: time.sleep(3))
"""


needs_screen = pytest.mark.skipif(
    not os.environ.get("DISPLAY") and not os.environ.get("CI"),
    reason="no screen: run the tests with xvfb-run",
)


@needs_screen
def test_a_script_that_ends_while_work_goes_on_ends_well(result_folder: Path):
    done = subprocess.run(
        [sys.executable, "-c", LEFT_EARLY, str(result_folder)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]


@needs_screen
def test_a_patient_is_opened_run_corrected_signed_and_reopened(tmp_path: Path):
    script = Path(__file__).with_name("walk.py")
    environment = {**os.environ, "XDG_DATA_HOME": str(tmp_path / "data"), "BMETK_WALK": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "napari", str(script)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=1500,
        check=False,
    )
    story = tmp_path / "story.json"
    assert story.is_file(), done.stderr[-2000:]
    told = json.loads(story.read_text(encoding="utf-8"))
    assert told.get("error") is None, told["error"]
    assert told["layers_of_sample"] == 8
    assert told["lesion_ml"] > 5
    assert told["halved_ml"] == pytest.approx(told["lesion_ml"] / 2, rel=0.15)
    assert told["seconds_to_new_volume"] < 0.5
    assert told["undone_ml"] == pytest.approx(told["lesion_ml"], rel=0.001)
    assert told["signed_version"] == 1
    assert told["read_only"] is True
    assert told["reopened_ml"] == pytest.approx(told["halved_ml"], rel=0.001)
    assert told["log"] == ["signed", "reopened"]
