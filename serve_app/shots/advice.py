"""What a player is told about a shot, in Spanish and English: advice for each label, and what can't be told and why."""

import re
from typing import Final, Literal

Language = Literal["es", "en"]

LANGUAGES: Final[tuple[Language, ...]] = ("es", "en")  # the first is the one for everybody else

ADVICE: Final[dict[str, dict[Language, tuple[str, str]]]] = {
    "baja_transferencia": {
        "es": (
            "Une las piernas con el brazo",
            "Empieza a extender las piernas antes de subir el balón y deja que el brazo siga sin pausa: entre el"
            " impulso de las piernas y la extensión del codo deben pasar de 60 a 120 ms.",
        ),
        "en": (
            "Join the legs to the arm",
            "Start to extend the legs before the ball goes up and let the arm follow without a pause: 60 to 120 ms"
            " between the drive of the legs and the extension of the elbow.",
        ),
    },
    "muneca_adelantada": {
        "es": (
            "Retrasa la muñeca",
            "Mantén la mano hacia atrás hasta que el codo se extienda; la muñeca se flexiona al final, al soltar el"
            " balón.",
        ),
        "en": (
            "Hold the wrist back",
            "Keep the hand bent back until the elbow extends; the wrist flexes last, as the ball leaves.",
        ),
    },
    "pickup_inconsistente": {
        "es": (
            "Sube el balón por un solo camino",
            "Desde la recogida hasta el punto de lanzamiento, lleva el balón cerca del cuerpo y en línea con el hombro,"
            " sin desviarlo hacia los lados.",
        ),
        "en": (
            "Bring the ball up one path",
            "From the pickup to the set point keep the ball close to the body and in line with the shoulder, without"
            " swinging it sideways.",
        ),
    },
    "brazo_no_alineado": {
        "es": (
            "Alinea el antebrazo",
            "Coloca el codo debajo del balón y sube el antebrazo en el plano que va del hombro a la canasta.",
        ),
        "en": (
            "Line up the forearm",
            "Set the elbow under the ball and bring the forearm up in the plane from the shoulder to the basket.",
        ),
    },
}


def recommend(labels: tuple[str, ...], language: Language) -> list[dict[str, str]]:
    """``{"id", "title", "description"}`` for each label, in the labels' order."""
    told = ((label, *ADVICE[label][language]) for label in labels)
    return [{"id": label, "title": title, "description": description} for label, title, description in told]


POINTS: Final = {
    "wrist": ("la muñeca", "derecha", "izquierda"),
    "elbow": ("el codo", "derecho", "izquierdo"),
    "hip": ("la cadera", "derecha", "izquierda"),
    "ankle": ("el tobillo", "derecho", "izquierdo"),
    "index": ("el índice", "derecho", "izquierdo"),
    "pinky": ("el meñique", "derecho", "izquierdo"),
}
HANDS: Final = {"left": "izquierda", "right": "derecha"}
# The sentences of ``landmarks.shots.rules`` and what they are in Spanish; ``points`` and ``hand`` are translated too.
SPANISH: Final = (
    (r"(?P<points>\S+ and \S+) are not seen: they show the wrist flex", "no se ven {points}: muestran la flexión"),
    (
        r"the camera is in front or behind: it doesn't see the wrist flex",
        "la cámara está delante o detrás: no ve la flexión de la muñeca",
    ),
    (
        r"the camera is at the side: it doesn't see the arm leave the shot's plane",
        "la cámara está al lado: no ve si el brazo sale del plano del tiro",
    ),
    (
        r"which hand shoots is not sure \((?P<share>\d+)% (?P<hand>\w+)\)",
        "no es seguro qué mano tira ({share} %: la {hand})",
    ),
    (r"(?P<points>\S+(?: and \S+)?) is seen in too few frames", "en muy pocos fotogramas se ve {points}"),
    (
        r"(?P<points>\S+) is seen in (?P<share>\d+)% of the frames only",
        "solo en el {share} % de los fotogramas se ve {points}",
    ),
    (
        r"the arm rises slowly \((?P<fastest>\S+) trunk lengths a second, a shot has (?P<slowest>\S+) or more\): is"
        r" this slow motion\? Send speed, how many times slower than life it plays; ite and delay_ms are of the motion"
        r" as it plays",
        "el brazo sube despacio ({fastest} troncos por segundo; en un tiro, {slowest} o más): ¿es cámara lenta? Indica"
        " speed, cuántas veces más lento que la realidad va; ite y delay_ms son del movimiento tal como se ve",
    ),
)
LABELS_AFTER: Final = re.compile(r"(?P<reason>.*?)(?P<labels> \([a-z]+_[a-z_]+(?:, [a-z_]+)*\))?")


def translate(sentence: str, language: Language) -> str:
    """A doubt or reason of the rules in a language; a sentence that has no translation stays English."""
    found = LABELS_AFTER.fullmatch(sentence)
    if language == "en" or found is None:
        return sentence
    for pattern, spanish in SPANISH:
        matched = re.fullmatch(pattern, found["reason"])
        if matched:
            fields = matched.groupdict()
            if "points" in fields:
                fields["points"] = " y ".join(name_point(name) for name in fields["points"].split(" and "))
            if "hand" in fields:
                fields["hand"] = HANDS[fields["hand"]]
            return spanish.format(**fields) + (found["labels"] or "")
    return sentence


def name_point(name: str) -> str:
    """A point as ``right_wrist`` in Spanish; one that has no translation keeps its name."""
    side, _, part = name.partition("_")
    if part not in POINTS:
        return name
    noun, right, left = POINTS[part]
    return f"{noun} {right if side == 'right' else left}"
