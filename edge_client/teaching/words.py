"""What ``teach``, ``forget`` and ``gestures`` say, in English and Spanish. Labels stay as the person wrote them."""

import os
from collections.abc import Mapping
from typing import Final

from landmarks.models.vocabulary_advice import Language

VARIABLES: Final = ("LC_ALL", "LC_MESSAGES", "LANG")  # in the order of POSIX

WORDS: Final[dict[Language, dict[str, str]]] = {
    "en": {
        "intro": "{count} recordings of {gesture}, {seconds:.1f} s each. Stand where the camera sees your hands.",
        "intro_none": "{count} recordings of anything but a gesture: rest, scratch your head, reach for a cup.",
        "replaces": "They replace the {count} recordings of {gesture} that are there; --more adds to them.",
        "get_ready": "{gesture} {number}/{count}: get ready",
        "now": "{gesture} {number}/{count}: now!",
        "seen": "{gesture} {number}/{count}: recorded",
        "missed": "{gesture} {number}/{count}: no hand seen, once again",
        "unfinished": "{found} of {count} recordings were made: nothing was taught",
        "taught": "{gesture} is taught with {count} recordings. The vocabulary {name} knows: {gestures}.",
        "none_taught": "The vocabulary {name} has {count} recordings that show no gesture. It knows: {gestures}.",
        "forgotten": "{gesture} is forgotten. The vocabulary {name} knows: {gestures}.",
        "sent": "It is on the service, {url}, and in {path}.",
        "not_sent": "It is in {path}, but not on the service: {reason}",
        "send_later": "The client sends it by itself once it reaches the service.",
        "gone": "The service no longer has the vocabulary {name}: it is here alone, and teach sends it again.",
        "renewed": "The service no longer had the vocabulary {name}: it is sent anew.",
        "use": "To use it: export HELEN_CLOUD_API_URL={url}",
        "rate": "The camera gives {found:.0f} frames a second, the recordings that are there have {there:.0f}.",
        "header": "gesture|recordings|sittings|limit|likeness",
        "kept": "kept of the base model: {labels}",
    },
    "es": {
        "intro": "{count} grabaciones de {gesture}, de {seconds:.1f} s. Ponte donde la cámara vea tus manos.",
        "intro_none": "{count} grabaciones de cualquier cosa menos un gesto: descansa, ráscate, coge una taza.",
        "replaces": "Sustituyen a las {count} grabaciones de {gesture} que hay; --more las añade.",
        "get_ready": "{gesture} {number}/{count}: prepárate",
        "now": "{gesture} {number}/{count}: ¡ahora!",
        "seen": "{gesture} {number}/{count}: grabada",
        "missed": "{gesture} {number}/{count}: no se vio ninguna mano, otra vez",
        "unfinished": "se hicieron {found} de {count} grabaciones: no se ha enseñado nada",
        "taught": "{gesture} queda enseñado con {count} grabaciones. El vocabulario {name} conoce: {gestures}.",
        "none_taught": "El vocabulario {name} tiene {count} grabaciones sin gesto. Conoce: {gestures}.",
        "forgotten": "{gesture} queda olvidado. El vocabulario {name} conoce: {gestures}.",
        "sent": "Está en el servicio, {url}, y en {path}.",
        "not_sent": "Está en {path}, pero no en el servicio: {reason}",
        "send_later": "El cliente lo envía por sí solo en cuanto alcance el servicio.",
        "gone": "El servicio ya no tiene el vocabulario {name}: solo está aquí, y teach lo envía de nuevo.",
        "renewed": "El servicio ya no tenía el vocabulario {name}: se envía de nuevo.",
        "use": "Para usarlo: export HELEN_CLOUD_API_URL={url}",
        "rate": "La cámara da {found:.0f} imágenes por segundo; las grabaciones que hay tienen {there:.0f}.",
        "header": "gesto|grabaciones|sesiones|límite|parecido",
        "kept": "se conservan del modelo: {labels}",
    },
}


def choose_language(environment: Mapping[str, str] = os.environ) -> Language:
    """Spanish where the terminal's language is Spanish, else English."""
    named = next((environment[name] for name in VARIABLES if environment.get(name)), "")
    return "es" if named.lower().startswith("es") else "en"
