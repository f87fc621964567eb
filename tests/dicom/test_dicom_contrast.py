"""Contrast follows from the sequence; the description decides only where the sequence is silent."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset

from bmetk.dicom.contrast import classify
from bmetk.dicom.files import FileRef
from bmetk.dicom.header import Frame, Tags
from bmetk.exam import Contrast


def verdict(*, orientations=1, slices=20, **tags):
    dataset = Dataset()
    for keyword, value in tags.items():
        setattr(dataset, keyword, value)
    frame = Frame(FileRef("x"), 0, None, None, None, (1, 1), False, Tags(dataset, {}))
    return classify(frame, orientations=orientations, slices=slices)


def spin_echo(tr, te, **tags):
    return verdict(ScanningSequence="SE", RepetitionTime=tr, EchoTime=te, **tags)


def inversion(ti, tr=4000, te=40, **tags):
    scanning = tags.pop("ScanningSequence", ["SE", "IR"])
    return verdict(ScanningSequence=scanning, RepetitionTime=tr, EchoTime=te, InversionTime=ti, **tags)


@pytest.mark.parametrize(
    ("tr", "te", "field", "contrast"),
    [
        (500, 12, 1.5, Contrast.T1),
        (700, 20, 3.0, Contrast.T1),
        (1200, 11, 3.0, Contrast.T1),
        (1250, 11, 1.5, Contrast.PD),
        (2450, 6.3, 3.0, Contrast.PD),
        (3000, 35, 1.5, Contrast.PD),
        (3500, 85, 1.5, Contrast.T2),
        (400, 18, 0.3, Contrast.T1),
    ],
)
def test_spin_echo_is_weighted_by_tr_and_te(tr, te, field, contrast):
    assert spin_echo(tr, te, MagneticFieldStrength=field).contrast is contrast


@pytest.mark.parametrize(
    ("tr", "te", "contrast"),
    [(3500, 70, Contrast.FS_T2), (3000, 30, Contrast.FS_PD), (550, 12, Contrast.OTHER)],
)
def test_fat_saturation_changes_the_class(tr, te, contrast):
    assert spin_echo(tr, te, ScanOptions=["PFP", "FS"]).contrast is contrast


def test_spatial_saturation_is_no_fat_saturation():
    assert (
        spin_echo(550, 12, ScanOptions=["SP", "SAT1"], SequenceVariant=["SK", "SP"]).contrast is Contrast.T1
    )


@pytest.mark.parametrize(
    ("ti", "field"), [(160, 1.5), (130, 1.5), (220, 3.0), (180, 3.0), (100, 0.3), (150, None)]
)
def test_short_inversion_time_is_stir(ti, field):
    tags = {} if field is None else {"MagneticFieldStrength": field}
    assert inversion(ti, **tags).contrast is Contrast.STIR


def test_t1_flair_is_t1_and_t2_flair_is_neither():
    assert inversion(860, tr=2000, te=12).contrast is Contrast.T1
    assert inversion(2200, tr=9000, te=120).contrast is Contrast.OTHER


def test_stir_described_but_not_acquired_is_not_stir():
    found = inversion(860, tr=2000, te=12, SeriesDescription="STIR cor")
    assert found.contrast is Contrast.T1
    assert "yet the description says STIR" in found.reason


def test_inversion_time_alone_means_inversion():
    assert inversion(160, ScanningSequence="SE").contrast is Contrast.STIR


def test_inversion_time_of_a_fat_pulse_is_no_stir():
    spair = inversion(100, ScanningSequence="SE", ScanOptions="FS", SeriesDescription="PD SPAIR", te=30)
    assert spair.contrast is Contrast.FS_PD


@pytest.mark.parametrize(
    ("description", "contrast"),
    [
        ("DP FAT SAT SAG", Contrast.FS_PD),
        ("FatSat PDWI COR", Contrast.FS_PD),
        ("Fat suppressed PD", Contrast.FS_PD),
        ("Water excitation PD", Contrast.FS_PD),
        ("pd_tse_fs_cor", Contrast.FS_PD),
        ("DP supresion grasa", Contrast.FS_PD),
        ("DP SPAIR", Contrast.FS_PD),
        ("PD fettgesättigt", Contrast.FS_PD),
        ("DP sat. graisse", Contrast.FS_PD),
        ("DP sin fat sat", Contrast.PD),
        ("PD no fs", Contrast.PD),
        ("PDw TSE", Contrast.PD),
        ("STIR long TE", Contrast.STIR),
        ("t2_tirm_cor", Contrast.STIR),
    ],
)
def test_descriptions_in_several_languages_tell_fat_suppression(description, contrast):
    assert spin_echo(3000, 30, SeriesDescription=description).contrast is contrast


@pytest.mark.parametrize(
    ("description", "contrast"),
    [
        ("T1 tse", Contrast.T1),
        ("cor STIR", Contrast.STIR),
        ("T2 FS", Contrast.FS_T2),
        ("knee", Contrast.OTHER),
    ],
)
def test_without_times_the_description_decides(description, contrast):
    assert verdict(SeriesDescription=description).contrast is contrast


def test_times_without_sequence_type_are_read_as_spin_echo():
    assert verdict(RepetitionTime=500, EchoTime=12).contrast is Contrast.T1
    assert verdict(RepetitionTime=4000, EchoTime=60, InversionTime=150).contrast is Contrast.STIR


@pytest.mark.parametrize(
    "tags",
    [
        {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]},
        {"SeriesDescription": "LOCALIZADOR"},
        {"SeriesDescription": "3-Plane Loc"},
        {"ProtocolName": "Survey_SHC"},
        {"SeriesDescription": "Locator"},
        {"MRAcquisitionType": "2D", "SliceThickness": 8},
    ],
)
def test_localizers_are_recognised(tags):
    found = verdict(ScanningSequence="GR", RepetitionTime=7, EchoTime=3, FlipAngle=30, **tags)
    assert found.contrast is Contrast.LOCALIZER


def test_three_directions_in_a_fast_series_are_a_localizer():
    found = verdict(ScanningSequence="GR", RepetitionTime=9, EchoTime=4, orientations=3, slices=5)
    assert found.contrast is Contrast.LOCALIZER


@pytest.mark.parametrize("word", ["MPR", "ADC", "PROJECTION IMAGE", "SUBTRACTION"])
def test_reformats_and_maps_are_derived(word):
    assert spin_echo(500, 12, ImageType=["DERIVED", "SECONDARY", word]).contrast is Contrast.DERIVED


def test_a_bare_derived_mark_is_second_choice_and_not_refused():
    found = spin_echo(500, 12, ImageType=["DERIVED", "SECONDARY"])
    assert found.contrast is Contrast.T1
    assert not found.original


@pytest.mark.parametrize(
    ("image_type", "description", "tr", "contrast"),
    [
        (["DERIVED", "PRIMARY", "W", "W"], "", 3500, Contrast.DIXON_WATER),
        (["DERIVED", "PRIMARY", "M", "DIXON", "WATER"], "", 3500, Contrast.DIXON_WATER),
        (["DERIVED", "PRIMARY", "F", "F"], "", 3500, Contrast.DIXON_FAT),
        (["ORIGINAL", "PRIMARY", "OTHER"], "WATER: Cor T2 Flex", 3500, Contrast.DIXON_WATER),
        (["ORIGINAL", "PRIMARY", "OTHER"], "t2_tse_dixon_cor_W", 3500, Contrast.DIXON_WATER),
        (["ORIGINAL", "PRIMARY", "OTHER"], "t2_tse_dixon_cor_opp", 3500, Contrast.OTHER),
        (["DERIVED", "PRIMARY", "M", "DIXON", "WATER"], "", 600, Contrast.OTHER),
    ],
)
def test_dixon_images_are_named(image_type, description, tr, contrast):
    te = 70 if tr > 2000 else 12
    assert spin_echo(tr, te, ImageType=image_type, SeriesDescription=description).contrast is contrast


def test_phase_diffusion_and_t2star_are_other():
    assert spin_echo(500, 12, ImageType=["ORIGINAL", "PRIMARY", "P"]).contrast is Contrast.OTHER
    assert verdict(ScanningSequence="EP", RepetitionTime=4000, EchoTime=70).contrast is Contrast.OTHER
    assert verdict(ScanningSequence="GR", RepetitionTime=500, EchoTime=15).contrast is Contrast.OTHER


def test_prepared_gradient_echo_is_t1():
    found = verdict(ScanningSequence="GR", RepetitionTime=9, EchoTime=3, InversionTime=900, SliceThickness=1)
    assert found.contrast is Contrast.T1


def test_contrast_agent_is_noted():
    assert spin_echo(500, 12, ContrastBolusAgent="Gadovist").agent
    assert spin_echo(500, 12, SeriesDescription="T1 post Gd").agent
    assert not spin_echo(500, 12, SeriesDescription="T1 sin contraste").agent


def test_enhanced_attributes_are_understood():
    found = verdict(
        EchoPulseSequence="SPIN",
        SpectrallySelectedSuppression="FAT",
        RepetitionTime=3200,
        EffectiveEchoTime=32.0,
    )
    assert found.contrast is Contrast.FS_PD
    stir = verdict(
        EchoPulseSequence="SPIN",
        InversionRecovery="YES",
        InversionTimes=[165.0],
        RepetitionTime=4000,
        EffectiveEchoTime=32.0,
    )
    assert stir.contrast is Contrast.STIR
