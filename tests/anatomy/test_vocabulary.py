"""Words of six languages are understood, and never inside other words."""

from __future__ import annotations

import pytest
from pydicom.sr._concepts_dict import concepts

from bmetk.anatomy import Bone, Joint, Region, Side
from bmetk.anatomy.codes import (
    BONE_CODES,
    BONE_MARROW,
    EDEMA,
    JOINT_CODES,
    JOINT_OF_CODE,
    REGION_CODES,
    SIDE_CODES,
    display_name,
)
from bmetk.anatomy.vocabulary import find_joints, fold, parse_bone, parse_joint, parse_region, parse_side
from bmetk.errors import UnknownNameError


@pytest.mark.parametrize(
    ("text", "joint", "side"),
    [
        ("R KNEE", Joint.KNEE, Side.RIGHT),
        ("RM RODILLA IZQUIERDA SIN CONTRASTE", Joint.KNEE, Side.LEFT),
        ("rodilla dcha", Joint.KNEE, Side.RIGHT),
        ("rodilla der.", Joint.KNEE, Side.RIGHT),
        ("rodilla I", Joint.KNEE, Side.LEFT),
        ("cadera_izda", Joint.HIP, Side.LEFT),
        ("Hüfte li", Joint.HIP, Side.LEFT),
        ("MRT der Hüfte links", Joint.HIP, Side.LEFT),
        ("Knie re", Joint.KNEE, Side.RIGHT),
        ("genou droit", Joint.KNEE, Side.RIGHT),
        ("hanche G", Joint.HIP, Side.LEFT),
        ("joelho esq", Joint.KNEE, Side.LEFT),
        ("ginocchio dx", Joint.KNEE, Side.RIGHT),
        ("piede e caviglia", Joint.FOOT, None),
        ("RightKnee", Joint.KNEE, Side.RIGHT),
        ("KNEERT_T1", Joint.KNEE, Side.RIGHT),
        ("R+L hips", Joint.HIP, Side.BOTH),
        ("MR HIPS BILATERAL", Joint.HIP, Side.BOTH),
        ("tobillo y pie der", Joint.ANKLE, Side.RIGHT),
        ("MRI FOOT LT W/O", Joint.FOOT, Side.LEFT),
        ("axial T2 femoral head R", Joint.HIP, Side.RIGHT),
        ("SPINE LUMBAR", Joint.OTHER, None),
    ],
)
def test_joint_and_side_of_descriptions(text, joint, side):
    assert parse_joint(text) is joint
    assert parse_side(text) is side


@pytest.mark.parametrize(
    "text",
    [
        "START",
        "re scan knee",
        "dti 64 dir",
        "Sag PD RL",
        "T1_FFE",
        "LATE",
        "3D knee",
        "ALTERED",
        "sin fs",
        "",
    ],
)
def test_no_side_is_read_into_other_words(text):
    assert parse_side(text) is None


@pytest.mark.parametrize("text", ["SHIPPED", "kneeling", "hippocampus", "piece", "football"])
def test_no_joint_is_read_into_other_words(text):
    assert parse_joint(text) is None


@pytest.mark.parametrize(
    ("text", "side"), [("R", Side.RIGHT), ("L", Side.LEFT), ("B", Side.BOTH), ("U", None)]
)
def test_laterality_codes(text, side):
    assert parse_side(text) is side


@pytest.mark.parametrize(
    ("text", "region", "side"),
    [
        ("external condyle", Region.LATERAL_FEMORAL_CONDYLE, None),
        ("internal condyle", Region.MEDIAL_FEMORAL_CONDYLE, None),
        ("cóndilo femoral externo derecho", Region.LATERAL_FEMORAL_CONDYLE, Side.RIGHT),
        ("platillo tibial interno", Region.MEDIAL_TIBIAL_PLATEAU, None),
        ("right astragalus", Region.TALUS, Side.RIGHT),
        ("astrágalo", Region.TALUS, None),
        ("trochlea of the talus", Region.TALUS, None),
        ("scaphoid of the foot", Region.NAVICULAR, None),
        ("escafoides izquierdo", Region.NAVICULAR, Side.LEFT),
        ("2nd metatarsal", Region.METATARSAL_2, None),
        ("quinto metatarsiano", Region.METATARSAL_5, None),
        ("third cuneiform", Region.LATERAL_CUNEIFORM, None),
        ("L femoral head", Region.FEMORAL_HEAD, Side.LEFT),
        ("cabeza femoral derecha", Region.FEMORAL_HEAD, Side.RIGHT),
    ],
)
def test_older_and_foreign_names_of_regions(text, region, side):
    assert parse_region(text) == (region, side)


def test_every_name_of_the_contract_is_understood():
    for region in Region:
        assert parse_region(region.value)[0] is region
        assert parse_region(f"left {display_name(region)}") == (region, Side.LEFT)
    for bone in Bone:
        assert parse_bone(bone.value)[0] is bone


def test_an_unknown_region_is_refused_with_the_nearest_names():
    with pytest.raises(UnknownNameError, match="femoral head"):
        parse_region("femoral heed")
    with pytest.raises(UnknownNameError, match="no bone"):
        parse_bone("humerus")


def test_joints_are_listed_in_order():
    assert find_joints("tobillo y pie") == (Joint.ANKLE, Joint.FOOT)


def test_folding_drops_case_accents_and_punctuation():
    assert fold("T1_TSE Rodilla-Dcha.") == "t1 tse rodilla dcha"
    assert fold("Hüfte groß") == "hufte gross"


def test_every_code_is_in_the_dictionary_of_dicom():
    known = {code for codes in concepts["SCT"].values() for code in codes}
    tables = (BONE_CODES, REGION_CODES, JOINT_CODES, SIDE_CODES)
    codes = [code for table in tables for code in table.values() if code is not None]
    assert {code.value for code in [*codes, BONE_MARROW, EDEMA]} <= known
    assert set(JOINT_OF_CODE) <= known
    assert set(REGION_CODES) == set(Region)
    assert set(BONE_CODES) == set(Bone)
