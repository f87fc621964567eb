"""The stand-in for simulation and analysis, where the validation looks for them."""

from __future__ import annotations

import pytest

from tests.validation.standins import StandIn


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """Put a `StandIn` in the place of all."""
    made = StandIn()
    monkeypatch.setattr("bmetk.validation.run.simulate_exam", made.simulate)
    monkeypatch.setattr("bmetk.validation.registration.simulate_exam", made.simulate)
    monkeypatch.setattr("bmetk.validation.run.analyze", made.analyze)
    monkeypatch.setattr("bmetk.validation.patients.simulate_exam", made.simulate)
    monkeypatch.setattr("bmetk.pipeline.analyze", made.analyze)
    monkeypatch.setattr("bmetk.validation.run.provide_bones", made.provide_bones)
    return made
