"""``GET /``: the page that says what is served and leads on, in Spanish or English, without a script."""

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from serve_app.api.app_state import get_state
from serve_app.api.health import get_model_state
from serve_app.api.pages.endpoint import choose_language, fill_template, page
from serve_app.batching.model_client import BatchingModelClient
from serve_app.shots.advice import Language

WORDS: Final[dict[Language, dict[str, str]]] = {
    "es": {
        "other": "en",
        "other_name": "English",
        "lead": "Reconoce gestos de las manos y juzga tiros de baloncesto, en directo.",
        "ok": "Todo responde.",
        "starting": "Arrancando",
        "degraded": "No todo responde",
        "pages": "Páginas",
        "shots": "Analiza un tiro",
        "shots_says": "Abre un archivo de keypoints, mira el tiro, etiquétalo y lee el consejo.",
        "docs": "Las rutas",
        "docs_says": "Qué recibe y qué contesta cada una, con ejemplos para enviar.",
        "metrics": "Métricas",
        "metrics_says": "Peticiones, errores y tiempos, para Prometheus; tras nginx, solo desde la propia máquina.",
        "served": "Lo que se sirve ahora",
        "gestures": "Gestos de las manos",
        "gesture_model": "Versión {version}, {count} gestos: {labels}.",
        "shot_model": "Tiros de baloncesto",
        "shot_version": "Versión {version} del modelo.",
        "rules": "Las reglas cinemáticas, sin modelo.",
        "nothing": "Ningún modelo todavía.",
    },
    "en": {
        "other": "es",
        "other_name": "Español",
        "lead": "Recognises hand gestures and judges basketball shots, live.",
        "ok": "Everything answers.",
        "starting": "Starting",
        "degraded": "Not everything answers",
        "pages": "Pages",
        "shots": "Judge a shot",
        "shots_says": "Open a keypoints file, look at the shot, label it and read the advice.",
        "docs": "The routes",
        "docs_says": "What each takes and answers, with examples to send.",
        "metrics": "Metrics",
        "metrics_says": "Requests, errors and times, for Prometheus; behind nginx from the box itself only.",
        "served": "What is served now",
        "gestures": "Hand gestures",
        "gesture_model": "Version {version}, {count} gestures: {labels}.",
        "shot_model": "Basketball shots",
        "shot_version": "Version {version} of the model.",
        "rules": "The kinematic rules, without a model.",
        "nothing": "No model yet.",
    },
}


async def home(request: Request) -> Response:
    """A page that says what is served and leads to the others, in Spanish or English."""
    service = get_state(request)
    language = choose_language(request)
    words = WORDS[language]
    state, reason = get_model_state(service)
    told = {
        **words,
        "language": language,
        "state": state,
        "said": f"{words[state]}: {reason}" if reason else words[state],
        "gestures_says": gestures_in_words(service.gesture, words),
        "shot_model_says": shots_in_words(service.shots, words),
    }
    return page(fill_template("home.html", told), request, language)


def gestures_in_words(pipeline: BatchingModelClient[Any], words: dict[str, str]) -> str:
    """The gesture model's version and the gestures that it names."""
    card = pipeline.status.card
    if card is None:
        return words["nothing"]
    labels = ", ".join(card.class_labels)
    return words["gesture_model"].format(version=pipeline.status.version, count=card.num_classes, labels=labels)


def shots_in_words(pipeline: BatchingModelClient[Any], words: dict[str, str]) -> str:
    """The shot model's version, or the rules where there is none."""
    if pipeline.status.card is not None:
        return words["shot_version"].format(version=pipeline.status.version)
    return words["rules" if pipeline.ready else "nothing"]
