"""Find and measure bone marrow edema."""

from bmetk.edema.findings import observe_findings
from bmetk.edema.lesion import find_lesions
from bmetk.edema.measure import measure_regions
from bmetk.edema.segment import EdemaMap, segment_edema
from bmetk.edema.settings import EdemaSettings

__all__ = [
    "EdemaMap",
    "EdemaSettings",
    "find_lesions",
    "measure_regions",
    "observe_findings",
    "segment_edema",
]
