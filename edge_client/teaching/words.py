"""What ``teach``, ``forget`` and ``gestures`` say, in English and Spanish. Labels stay as the person wrote them."""

import os
from collections.abc import Mapping
from typing import Final

from landmarks.models.vocabulary_advice import Language

VARIABLES: Final = ("LC_ALL", "LC_MESSAGES", "LANG")  # in the order of POSIX

WORDS: Final[dict[Language, dict[str, str]]] = {
    "en": {
        "intro": "{recordings} of {gesture}, {seconds:.1f} s each. Stand where the camera sees your hands.",
        "intro_none": "{recordings} of anything but a gesture: rest, scratch your head, reach for a cup.",
        "replaces": "They replace what is there of {gesture}, {recordings}; --more adds to it.",
        "get_ready": "{gesture} {number}/{count}: get ready",
        "now": "{gesture} {number}/{count}: now!",
        "seen": "{gesture} {number}/{count}: recorded",
        "missed": "{gesture} {number}/{count}: no hand seen, once again",
        "unfinished": "the source ended after {found} of {recordings}: nothing was taught",
        "taught": "{gesture} is taught with {recordings}. The vocabulary {name} knows: {gestures}.",
        "none_taught": "The vocabulary {name} has {recordings} without a gesture. It knows: {gestures}.",
        "forgotten": "{gesture} is forgotten. The vocabulary {name} knows: {gestures}.",
        "sent": "It is on the service, {url}, and in {path}.",
        "not_sent": "It is in {path}, but not on the service: {reason}",
        "send_later": "The client sends it by itself once it reaches the service.",
        "gone": "The service no longer has the vocabulary {name}: it is here alone, and teach sends it again.",
        "renewed": "The service no longer had the vocabulary {name}: it is sent anew.",
        "use": "To use it: export HELEN_CLOUD_API_URL={url}",
        "recording": "1 recording",
        "recordings": "{count} recordings",
        "none_first": "Teach a gesture first: movements that are no gesture join a vocabulary that has one.",
        "last": "{gesture} is the last gesture of the vocabulary {name}: python -m edge_client forget --all deletes it"
        " whole, here and on the service.",
        "deleted": "The vocabulary {name} is deleted, here and on the service.",
        "rate": "The camera gives {found:.0f} frames a second, the recordings that are there have {there:.0f}.",
        "header": "gesture|recordings|sittings|limit|likeness",
        "kept": "kept of the base model: {labels}",
    },
    "es": {
        "intro": "{recordings} de {gesture}, de {seconds:.1f} s. Ponte donde la cámara vea tus manos.",
        "intro_none": "{recordings} de cualquier cosa menos un gesto: descansa, ráscate, coge una taza.",
        "replaces": "Sustituyen lo que hay de {gesture}, {recordings}; --more lo amplía.",
        "get_ready": "{gesture} {number}/{count}: prepárate",
        "now": "{gesture} {number}/{count}: ¡ahora!",
        "seen": "{gesture} {number}/{count}: grabada",
        "missed": "{gesture} {number}/{count}: no se vio ninguna mano, otra vez",
        "unfinished": "la fuente terminó tras {found} de {recordings}: no se ha enseñado nada",
        "taught": "{gesture} queda enseñado con {recordings}. El vocabulario {name} conoce: {gestures}.",
        "none_taught": "El vocabulario {name} tiene {recordings} sin gesto. Conoce: {gestures}.",
        "forgotten": "{gesture} queda olvidado. El vocabulario {name} conoce: {gestures}.",
        "sent": "Está en el servicio, {url}, y en {path}.",
        "not_sent": "Está en {path}, pero no en el servicio: {reason}",
        "send_later": "El cliente lo envía por sí solo en cuanto alcance el servicio.",
        "gone": "El servicio ya no tiene el vocabulario {name}: solo está aquí, y teach lo envía de nuevo.",
        "renewed": "El servicio ya no tenía el vocabulario {name}: se envía de nuevo.",
        "use": "Para usarlo: export HELEN_CLOUD_API_URL={url}",
        "recording": "1 grabación",
        "recordings": "{count} grabaciones",
        "none_first": "Enseña antes un gesto: lo que no es un gesto se añade a un vocabulario que ya tiene uno.",
        "last": "{gesture} es el último gesto del vocabulario {name}: python -m edge_client forget --all lo borra"
        " entero, aquí y en el servicio.",
        "deleted": "El vocabulario {name} queda borrado, aquí y en el servicio.",
        "rate": "La cámara da {found:.0f} imágenes por segundo; las grabaciones que hay tienen {there:.0f}.",
        "header": "gesto|grabaciones|sesiones|límite|parecido",
        "kept": "se conservan del modelo: {labels}",
    },
}


def count_recordings(count: int, language: Language) -> str:
    """``1 recording``, ``5 recordings``."""
    return WORDS[language]["recording" if count == 1 else "recordings"].format(count=count)


def choose_language(environment: Mapping[str, str] = os.environ) -> Language:
    """Spanish where the terminal's language is Spanish, else English."""
    named = next((environment[name] for name in VARIABLES if environment.get(name)), "")
    return "es" if named.lower().startswith("es") else "en"
