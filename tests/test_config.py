"""Settings as TOML: what is named is set, what is wrong is said."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from bmetk.config import Settings, read_settings, settings_document
from bmetk.errors import SettingsError


def _write(folder: Path, text: str) -> Path:
    path = folder / "settings.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_what_the_file_names_is_set_and_the_rest_keeps_its_default(tmp_path: Path) -> None:
    settings = read_settings(_write(tmp_path, "[tracking]\nepisode_days = 45\n"))
    assert settings.tracking.episode_days == 45
    assert settings.bones == Settings().bones


def test_a_rule_of_a_stage_has_a_table_of_its_own(tmp_path: Path) -> None:
    edema = read_settings(_write(tmp_path, "[edema.fat]\nloss = 0.1\n")).edema
    assert edema.fat.loss == 0.1
    assert (edema.fat.slope, edema.red) == (Settings().edema.fat.slope, Settings().edema.red)


def test_every_stage_has_its_table() -> None:
    assert set(settings_document(Settings())) == {field.name for field in fields(Settings)}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[bones]\nspeed = 3\n", "unknown setting bones.speed"),
        ("[bone]\n", "unknown setting bone"),
        ("[edema.fat]\nloss = 2\n", "edema.fat.loss must lie between 0 and 1, got 2"),
        ("[bones]\nthreads = 'two'\n", "bones.threads must be of type int, got 'two'"),
        ("bones = 3\n", "bones must be a table"),
        ("[bones\n", "not valid TOML"),
    ],
)
def test_a_wrong_file_is_refused_with_the_reason(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said.replace("[", r"\[")):
        read_settings(_write(tmp_path, text))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        read_settings(tmp_path / "none.toml")
