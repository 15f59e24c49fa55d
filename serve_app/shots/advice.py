"""What a player is told about each label of a shot, in Spanish and English."""

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
