"""The words themselves, as tables: what `bmetk.anatomy.vocabulary` reads."""

from __future__ import annotations

from bmetk.anatomy.names import Bone, Joint, Region, Side

_RIGHT = (
    "right rt rgt rechts rechte rechter rechtes recht derecha derecho dcha dcho drcha dch "
    "droit droite dto dta direito direita destra destro dx"
)
_LEFT = (
    "left lt lft links linke linker linkes izquierda izquierdo izda izdo izq izqda izqdo izqu "
    "gauche gche esquerdo esquerda esq sinistra sinistro sx"
)
_BOTH = (
    "both bilateral bilat bil bilaterale bilaterales beide beiden beidseits beidseitig bds ambas ambos "
    "entrambi entrambe bilateraux bilaterais"
)

SIDE_WORDS: dict[str, Side] = {
    **dict.fromkeys(_RIGHT.split(), Side.RIGHT),
    **dict.fromkeys(_LEFT.split(), Side.LEFT),
    **dict.fromkeys(_BOTH.split(), Side.BOTH),
}
"""Words that tell a side wherever they stand alone."""

GERMAN_WORDS = frozenset(("mrt", "links", "rechts", "li", "re", "beidseits", "und", "des"))
"""Words that show that ``der`` is the German article and not Spanish ``derecha``."""

CONTEXT_SIDE_WORDS: dict[str, tuple[Side, frozenset[str], frozenset[str]]] = {
    "re": (Side.RIGHT, frozenset(("scan", "run", "do", "repeat", "test", "exam")), frozenset()),
    "li": (Side.LEFT, frozenset(), frozenset()),
    "der": (
        Side.RIGHT,
        frozenset(("hufte", "huefte", "huften", "knie", "kniegelenke", "fusse", "fuesse", "ferse", "zehen")),
        GERMAN_WORDS,
    ),
    "dir": (
        Side.RIGHT,
        frozenset(("b", "dwi", "diff", "dti")),
        frozenset(("dwi", "dti", "diff", "diffusion")),
    ),
}
"""Word: its side, words that may not follow it, words that may not come before it anywhere."""


def _words(singles: str, *phrases: str) -> tuple[str, ...]:
    return (*singles.split(), *phrases)


JOINT_WORDS: dict[Joint, tuple[str, ...]] = {
    Joint.HIP: _words(
        "hip hips hipjoint pelvis pelvic cadera caderas coxofemoral huefte huften hufte hueftgelenk "
        "huftgelenk huftgelenke becken hanche hanches bassin quadril quadris bacia anca anche bacino coxa "
        "acetabulum acetabular cotyle",
        "femoral head",
        "femoral neck",
        "proximal femur",
        "cabeza femoral",
        "cuello femoral",
    ),
    Joint.KNEE: _words(
        "knee knees knie knies kniegelenk kniegelenke rodilla rodillas genou genoux joelho joelhos "
        "ginocchio ginocchia patella rotula meniscus",
        "distal femur",
        "proximal tibia",
        "tibial plateau",
    ),
    Joint.ANKLE: _words(
        "ankle ankles tobillo tobillos sprunggelenk sprunggelenke osg usg cheville chevilles tornozelo "
        "tornozelos caviglia caviglie hindfoot rearfoot retropie ruckfuss rueckfuss talus astragalus "
        "astragalo calcaneus calcaneo heel ferse tarsus tarso"
    ),
    Joint.FOOT: _words(
        "foot feet forefoot midfoot pie pies antepie mediopie fuss fusse fuesse vorfuss mittelfuss pied "
        "pieds piede piedi metatarsal metatarsals metatarso metatarsus metatarsianos toe toes hallux "
        "lisfranc zehe zehen dedos orteil orteils avampiede avantpied"
    ),
    Joint.OTHER: _words(
        "head brain skull schadel kopf cerebro craneo cabeza neck cuello hals spine columna lumbar cervical "
        "thoracic lws hws bws wirbelsaule rachis colonna shoulder shoulders hombro schulter epaule ombro "
        "spalla elbow codo ellbogen coude cotovelo gomito wrist muneca handgelenk poignet punho polso hand "
        "hands mano finger fingers dedo abdomen thorax chest torax breast mama prostate prostata heart "
        "cardiac liver kidney sacroiliac sij isg sacroiliaca sacroiliacas sacrum orbit tmj"
    ),
}
"""Words that name a joint, and parts of the body that are none of the four."""

BONE_WORDS: dict[Bone, tuple[str, ...]] = {
    Bone.FEMUR: ("thigh bone", "thighbone", "fémur"),
    Bone.TIBIA: ("shin bone", "shinbone", "tibia"),
    Bone.FIBULA: ("calf bone", "peroné", "peroneo"),
    Bone.PATELLA: ("kneecap", "knee cap", "rótula"),
    Bone.PELVIS: ("hip bone", "innominate", "innominate bone", "os coxae", "coxal", "coxa", "iliac bone"),
    Bone.TALUS: ("astragalus", "ankle bone", "astrágalo"),
    Bone.CALCANEUS: ("calcaneum", "heel bone", "os calcis", "heel", "calcáneo"),
    Bone.NAVICULAR: (
        "navicular of the foot",
        "tarsal navicular",
        "scaphoid of the foot",
        "tarsal scaphoid",
        "scaphoid",
        "escafoides",
        "escafoides tarsiano",
        "escafoides del pie",
        "navicular tarsiano",
    ),
    Bone.CUBOID: ("cuboides", "os cuboideum"),
    Bone.MEDIAL_CUNEIFORM: (
        "first cuneiform",
        "internal cuneiform",
        "cuneiform 1",
        "primera cuña",
        "cuña medial",
        "cuña interna",
        "primer cuneiforme",
        "cuneiforme medial",
        "cuneiforme interno",
    ),
    Bone.INTERMEDIATE_CUNEIFORM: (
        "second cuneiform",
        "middle cuneiform",
        "cuneiform 2",
        "segunda cuña",
        "cuña intermedia",
        "cuña media",
        "segundo cuneiforme",
        "cuneiforme intermedio",
        "cuneiforme medio",
    ),
    Bone.LATERAL_CUNEIFORM: (
        "third cuneiform",
        "external cuneiform",
        "cuneiform 3",
        "tercera cuña",
        "cuña lateral",
        "cuña externa",
        "tercer cuneiforme",
        "cuneiforme lateral",
        "cuneiforme externo",
    ),
    Bone.PHALANGES: ("phalanx", "toes", "toe bones", "falanges", "falange", "dedos del pie"),
}
"""Synonyms of the whole bones (English, Spanish); metatarsals are filled in from their numbers."""

_ORDINALS = {
    1: ("1", "i", "1st", "first", "1er", "1 er", "primer", "primero", "great"),
    2: ("2", "ii", "2nd", "second", "2º", "2do", "segundo"),
    3: ("3", "iii", "3rd", "third", "3er", "3 er", "tercer", "tercero"),
    4: ("4", "iv", "4th", "fourth", "4º", "4to", "cuarto"),
    5: ("5", "v", "5th", "fifth", "5º", "5to", "quinto"),
}


def _metatarsal_words(number: int) -> tuple[str, ...]:
    nouns = ("metatarsal", "metatarsiano", "metatarso", "mt")
    pairs = [words for o in _ORDINALS[number] for noun in nouns for words in (f"{o} {noun}", f"{noun} {o}")]
    return (*pairs, f"mt{number}", f"mtt{number}", f"m{number}", f"metatarsal{number}")


def _phalanx_words(number: int) -> tuple[str, ...]:
    words: list[str] = []
    for o in _ORDINALS[number]:
        words += [f"proximal phalanx of {o} toe", f"{o} proximal phalanx", f"proximal phalanx {o}"]
        words += [f"proximal phalanx of {o}", f"{o} toe proximal phalanx"]
        words += [f"falange proximal del {o} dedo", f"falange proximal {o}", f"{o} falange proximal"]
        words += [f"primera falange del {o} dedo"]
    hallux = ("proximal phalanx of hallux", "proximal phalanx of big toe", "falange proximal del hallux")
    return (*words, *(hallux if number == 1 else ()))


for _number in _ORDINALS:
    BONE_WORDS[Bone(f"metatarsal_{_number}")] = _metatarsal_words(_number)

_CONDYLES = (
    "condyle",
    "femoral condyle",
    "condyle of the femur",
    "condyle femoral",
    "distal femoral condyle",
)
_CONDILOS = ("cóndilo {}", "cóndilo femoral {}", "cóndilo {} del fémur", "cóndilo {} femoral")
_PLATEAUS = ("plateau", "tibial plateau", "tibial condyle", "plateau of the tibia", "condyle of the tibia")
_PLATILLOS = (
    "platillo {}",
    "platillo tibial {}",
    "meseta {}",
    "meseta tibial {}",
    "cóndilo tibial {}",
    "platillo {} de la tibia",
)


def _compartment(
    english: tuple[str, ...], spanish: tuple[str, ...], directions: tuple[str, ...]
) -> tuple[str, ...]:
    return tuple(
        name
        for direction in directions
        for name in (
            *(f"{direction} {noun}" for noun in english),
            *(pattern.format(direction) for pattern in spanish),
        )
    )


_MEDIAL = ("medial", "internal", "inner", "interno", "interna")
_LATERAL = ("lateral", "external", "outer", "externo", "externa")

REGION_WORDS: dict[Region, tuple[str, ...]] = {
    Region.FEMORAL_HEAD: (
        "head of the femur",
        "femur head",
        "caput femoris",
        "cabeza femoral",
        "cabeza del fémur",
    ),
    Region.FEMORAL_NECK: (
        "neck of the femur",
        "femur neck",
        "collum femoris",
        "cuello femoral",
        "cuello del fémur",
    ),
    Region.INTERTROCHANTERIC: (
        "intertrochanteric region",
        "intertrochanteric area",
        "trochanter",
        "trochanteric region",
        "greater trochanter",
        "lesser trochanter",
        "región intertrocantérea",
        "intertrocantérea",
        "intertrocantéreo",
        "trocánter",
        "trocánter mayor",
        "trocánter menor",
    ),
    Region.PROXIMAL_FEMORAL_SHAFT: (
        "proximal femoral diaphysis",
        "femoral shaft",
        "shaft of the femur",
        "subtrochanteric",
        "diáfisis femoral proximal",
        "diáfisis femoral",
        "subtrocantérea",
    ),
    Region.ACETABULUM: ("acetabular roof", "hip socket", "acetábulo", "cotilo", "techo acetabular"),
    Region.MEDIAL_FEMORAL_CONDYLE: _compartment(_CONDYLES, _CONDILOS, _MEDIAL),
    Region.LATERAL_FEMORAL_CONDYLE: _compartment(_CONDYLES, _CONDILOS, _LATERAL),
    Region.DISTAL_FEMORAL_METAPHYSIS: ("distal femur metaphysis", "distal femur", "metáfisis femoral distal"),
    Region.MEDIAL_TIBIAL_PLATEAU: _compartment(_PLATEAUS, _PLATILLOS, _MEDIAL),
    Region.LATERAL_TIBIAL_PLATEAU: _compartment(_PLATEAUS, _PLATILLOS, _LATERAL),
    Region.PROXIMAL_TIBIAL_METAPHYSIS: (
        "proximal tibia metaphysis",
        "proximal tibia",
        "metáfisis tibial proximal",
    ),
    Region.PROXIMAL_FIBULA: ("fibular head", "head of the fibula", "cabeza del peroné", "peroné proximal"),
    Region.DISTAL_TIBIA: (
        "tibial pilon",
        "tibial plafond",
        "medial malleolus",
        "internal malleolus",
        "pilón tibial",
        "tibia distal",
        "maléolo medial",
        "maléolo interno",
        "maléolo tibial",
    ),
    Region.DISTAL_FIBULA: (
        "lateral malleolus",
        "external malleolus",
        "maléolo lateral",
        "maléolo externo",
        "maléolo peroneo",
        "peroné distal",
    ),
    Region.TALUS: (
        "trochlea of the talus",
        "talar trochlea",
        "talar dome",
        "dome of the talus",
        "talar body",
        "talar neck",
        "talar head",
        "head of the talus",
        "neck of the talus",
        "tróclea del astrágalo",
        "tróclea astragalina",
        "cúpula astragalina",
        "cuerpo del astrágalo",
        "cuello del astrágalo",
        "cabeza del astrágalo",
    ),
    Region.DISTAL_PHALANGES: (
        "distal phalanx",
        "middle phalanges",
        "middle and distal phalanges",
        "falanges distales",
        "falange distal",
    ),
    **{Region(f"proximal_phalanx_{number}"): _phalanx_words(number) for number in _ORDINALS},
}
"""Synonyms of the regions (English, Spanish)."""


def fill_regions() -> dict[str, Region]:
    """Map the words of each bone that is one region as a whole to that region."""
    whole = {region.value: region for region in Region}
    return {
        word: whole[bone.value]
        for bone, words in BONE_WORDS.items()
        if bone.value in whole
        for word in (bone.value, *words)
    }
