"""Stand a stable pseudonym in for a patient, and keep identity out of everything else.

The pseudonym is a one-way scrypt hash (RFC 7914, doi:10.17487/RFC7914) of Patient ID and its issuer
(DICOM PS3.3 C.7.1.1). Patient IDs are short: whoever knows the software could try them all. Set
``BMETK_PSEUDONYM_KEY`` to a secret of the site, and nobody without it can.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from datetime import date
from functools import cache

from bmetk.anatomy.vocabulary import fold
from bmetk.dicom.header import Tags
from bmetk.exam import Patient

KEY_VARIABLE = "BMETK_PSEUDONYM_KEY"
"""Environment variable with the site's secret."""

_LENGTH = 8
_DEFAULT_SALT = b"bmetk pseudonym 1"
_IDENTITY_TAGS = {
    "name": "PatientName",
    "id": "PatientID",
    "issuer": "IssuerOfPatientID",
    "birth_date": "PatientBirthDate",
}


def pseudonym_of(tags: Tags) -> str:
    """Return ``P-XXXXXXXX``, the same for the same patient at the same site.

    Without a Patient ID, name and birth date stand in; without those, the study itself, so that two
    anonymous studies are never taken for one patient.
    """
    patient_id = tags.text("PatientID")
    if patient_id:
        source = f"id|{patient_id}|{tags.text('IssuerOfPatientID')}"
    elif tags.text("PatientName"):
        source = f"name|{tags.text('PatientName')}|{tags.text('PatientBirthDate')}"
    else:
        source = f"study|{tags.text('StudyInstanceUID')}"
    return _pseudonym(source, os.environ.get(KEY_VARIABLE, "").encode())


@cache
def _pseudonym(source: str, key: bytes) -> str:
    salt = hashlib.sha256(_DEFAULT_SALT + key).digest()
    digest = hashlib.scrypt(source.encode(), salt=salt, n=2**13, r=8, p=1, dklen=5)
    return f"P-{base64.b32encode(digest).decode()[:_LENGTH]}"


def uid_hash(uid: str) -> str:
    """Return a one-way hash of a DICOM UID, 32 hexadecimal digits."""
    return hashlib.blake2b(uid.encode(), digest_size=16, person=b"bmetk uid").hexdigest()


def read_patient(tags: Tags) -> Patient:
    """Read who was examined: pseudonym, sex, age."""
    pseudonym = pseudonym_of(tags)
    sex = tags.text("PatientSex").upper()
    return Patient(
        pseudonym=pseudonym,
        sex=sex if sex in ("M", "F", "O") else None,
        age_years=_age_years(tags),
        key=pseudonym,
    )


def read_identity(tags: Tags) -> dict[str, str]:
    """Return name, ID, issuer and birth date, as far as they are told."""
    return {name: text for name, keyword in _IDENTITY_TAGS.items() if (text := tags.text(keyword))}


def read_date(text: str) -> date | None:
    """Read a DICOM date (PS3.5 6.2, DA); None where it is absent, malformed or a placeholder."""
    match = re.fullmatch(r"(\d{4})[.-]?(\d{2})[.-]?(\d{2})", text.strip())
    if match is None or int(match.group(1)) < 1900:  # anonymizers write 00010101
        return None
    try:
        return date(*(int(part) for part in match.groups()))
    except ValueError:
        return None


def study_date(tags: Tags) -> date | None:
    """Return the day of the study, or of its series or acquisition where the study tells none."""
    days = (read_date(tags.text(keyword)) for keyword in ("StudyDate", "SeriesDate", "AcquisitionDate"))
    return next((day for day in days if day is not None), None)


def _age_years(tags: Tags) -> float | None:
    """Read Patient's Age (PS3.5 6.2, AS: ``045Y``), or count from birth to study."""
    match = re.fullmatch(r"(\d{1,3})([DWMY])", tags.text("PatientAge").upper())
    if match is not None and int(match.group(1)) > 0:
        return round(int(match.group(1)) / {"D": 365.25, "W": 52.18, "M": 12.0, "Y": 1.0}[match.group(2)], 1)
    born, day = read_date(tags.text("PatientBirthDate")), study_date(tags)
    if born is None or day is None or not 0 < (day - born).days < 125 * 366:
        return None
    return round((day - born).days / 365.25, 1)


def without_identity(text: str, tags: Tags) -> str:
    """Drop the words of a description that are part of the patient's name or ID."""
    forbidden = _identity_words(tags)
    kept = [word for word in text.split() if not forbidden & set(fold(word).split())]
    return re.sub(r"\d+(?:\.\d+){4,}", "", " ".join(kept)).strip()


def _identity_words(tags: Tags) -> set[str]:
    parts = " ".join(tags.text(keyword) for keyword in ("PatientName", "PatientID", "OtherPatientIDs"))
    words = {word for word in fold(parts.replace("^", " ").replace("=", " ")).split() if len(word) > 2}
    birth = tags.text("PatientBirthDate")
    return words | ({birth} if len(birth) == 8 else set())
