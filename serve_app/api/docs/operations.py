"""Which structs, statuses and parameters each path has, beyond what its route and its endpoint's docstring say.

Where a path has several methods, each has an entry, such as ``PUT /vocabularies/{vocabulary}``.

A new route gets an entry here; ``openapi.py`` makes the document of them.
"""

from dataclasses import dataclass, replace
from typing import Any, Final

from landmarks.models.card import CARD_FILE, MODEL_FILE
from landmarks.protocol.open_inference import HEADER_LENGTH, RequestHead, ResponseHead
from landmarks.protocol.stream import (
    CLOSE_REASONS,
    KEY_SUBPROTOCOL,
    SUBPROTOCOL,
    ErrorMessage,
    OpenMessage,
    ReadyMessage,
    StreamPrediction,
    TextMessage,
)
from serve_app.api.docs.examples import TENSOR, TENSORS_READ, WINDOW, example_shot, example_vocabulary
from serve_app.api.docs.responses import (
    AnalyzeResponse,
    HealthResponse,
    LiveResponse,
    LoadResponse,
    MetadataResponse,
    ModelMetadataResponse,
    ModelReadyResponse,
    PredictResponse,
    ReadyResponse,
    RepositoryIndexResponse,
    ServerMetadataResponse,
    UnhealthyResponse,
    VocabulariesResponse,
    VocabularyEntry,
)
from serve_app.api.infer_request import IndexRequest, LoadRequest
from serve_app.gestures.request import PredictRequest
from serve_app.shots.advice import LANGUAGES
from serve_app.shots.request import AnalyzeRequest
from serve_app.vocabularies.form import VocabularyForm

JSON: Final = "application/json"
BYTES: Final = "application/octet-stream"
BODY: Final = (400, 408, 413, 415)  # what can be wrong with a body
ANSWER: Final = (429, 503, 504)  # what can keep a model from answering


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One method of one path.

    ``responses`` has by status what may come: types of JSON, and media types. ``errors`` are the statuses of
    ``serve_app.errors`` that are the route's own; those of keys and origins are every route's. ``messages`` are
    the types of a WebSocket's messages. A ``public`` route wants no key.
    """

    tag: str
    responses: dict[int, tuple[Any, ...]]
    errors: tuple[int, ...] = ()
    request: type | None = None
    example: Any = None
    request_media_types: tuple[str, ...] = (JSON,)
    parameters: tuple[dict[str, Any], ...] = ()
    messages: tuple[type, ...] = ()
    description: str = ""
    public: bool = False


def describe_header(name: str, description: str) -> dict[str, Any]:
    """The parameter object of a header that may be left out."""
    return {"name": name, "in": "header", "schema": {"type": "string"}, "description": description}


LANGUAGE: Final = describe_header(
    "Accept-Language", f"of recommendations, reasons and doubts: {' or '.join(LANGUAGES)}, by default {LANGUAGES[0]}"
)
PAGE_LANGUAGE: Final = {
    "name": "lang",
    "in": "query",
    "schema": {"enum": list(LANGUAGES)},
    "description": "by default the browser's",
}
JSON_BYTES: Final = describe_header(
    HEADER_LENGTH, "how many bytes of the body are JSON; the tensors' bytes follow, little-endian"
)
UPGRADE: Final = {"name": "Upgrade", "in": "header", "required": True, "schema": {"const": "websocket"}}
SUBPROTOCOLS: Final = describe_header(
    "Sec-WebSocket-Protocol",
    f"`{SUBPROTOCOL}`, and from a browser the key as `{KEY_SUBPROTOCOL}` and its unpadded base64url",
)
# The parameters in paths, by name.
PATH_PARAMETERS: Final[dict[str, dict[str, Any]]] = {
    "name": {"schema": {"type": "string"}, "example": "gesture"},
    "version": {"schema": {"type": "string"}, "example": "1"},
    "vocabulary": {"schema": {"type": "string", "pattern": "^[a-z0-9][a-z0-9_-]{0,63}$"}, "example": "mine"},
    "file": {"schema": {"enum": [CARD_FILE, MODEL_FILE]}, "example": CARD_FILE},
}
STREAM: Final = (
    "Upgrade to a WebSocket. The client sends an `OpenMessage` in JSON, `{}` for the defaults, and the service replies"
    " with a `ReadyMessage`. Each frame is then a binary message of `feature_dim` little-endian numbers, after a frame"
    " number of 4 bytes or none, or with encoding `json` a `TextMessage`:"
    ' `{"frame": [...], "mask": [left, right], "n": 7}`. `{"type": "reset"}` empties the window, `{"type": "predict"}`'
    " asks for a prediction. The service sends a `StreamPrediction` for the newest window, or an `ErrorMessage`. Close"
    f" codes: {', '.join(f'{code} {name}' for code, name in CLOSE_REASONS.items())}."
)

ANALYZE: Final = Operation(
    tag="shots",
    request=AnalyzeRequest,
    example=example_shot(),
    parameters=(LANGUAGE,),
    responses={200: (AnalyzeResponse,)},
    errors=BODY + ANSWER,
)
V2: Final = "open inference v2"
MODEL_OPERATIONS: Final = {
    "": Operation(tag=V2, responses={200: (ModelMetadataResponse,)}, errors=(404, 503)),
    "/ready": Operation(tag=V2, responses={200: (ModelReadyResponse,), 503: (ModelReadyResponse,)}, errors=(404,)),
    "/infer": Operation(
        tag=V2,
        request=RequestHead,
        example={"inputs": [TENSOR], "outputs": TENSORS_READ},
        request_media_types=(JSON, BYTES),
        parameters=(JSON_BYTES,),
        responses={200: (ResponseHead, BYTES)},
        errors=BODY + ANSWER + (404,),
    ),
}
MODEL_ROUTES: Final[dict[str, Operation]] = {
    "/predict": Operation(
        tag="gestures",
        request=PredictRequest,
        example=WINDOW,
        responses={200: (PredictResponse,)},
        errors=BODY + ANSWER,
    ),
    "/stream": Operation(
        tag="gestures",
        parameters=(UPGRADE, SUBPROTOCOLS),
        messages=(OpenMessage, ReadyMessage, TextMessage, StreamPrediction, ErrorMessage),
        description=STREAM,
        responses={101: ()},
        errors=(429, 503),
    ),
    "/analyze": ANALYZE,
    "/api/analyze": ANALYZE,
    "/health": Operation(tag="system", responses={200: (HealthResponse,), 503: (UnhealthyResponse,)}, public=True),
    "/metadata": Operation(tag="system", responses={200: (MetadataResponse,)}, errors=(503,)),
    "/metrics": Operation(tag="system", responses={200: ("text/plain",)}),
    "/models/{name}/{file}": Operation(tag="system", responses={200: (JSON, BYTES), 304: ()}, errors=(404, 503)),
    "/": Operation(tag="pages", parameters=(PAGE_LANGUAGE,), responses={200: ("text/html",)}),
    "/shots": Operation(tag="pages", responses={200: ("text/html",)}),
    "/v2": Operation(tag=V2, responses={200: (ServerMetadataResponse,)}),
    "/v2/health/live": Operation(tag=V2, responses={200: (LiveResponse,)}),
    "/v2/health/ready": Operation(tag=V2, responses={200: (ReadyResponse,), 503: (ReadyResponse,)}),
    "/v2/repository/index": Operation(
        tag=V2, request=IndexRequest, example={}, responses={200: (RepositoryIndexResponse,)}, errors=BODY
    ),
    "/v2/repository/models/{name}/load": Operation(
        tag=V2, request=LoadRequest, example={}, responses={200: (LoadResponse,)}, errors=(*BODY, 404)
    ),
    "/v2/repository/models/{name}/unload": Operation(tag=V2, responses={}, errors=(404, 501)),
    **{
        f"/v2/models/{{name}}{version}{path}": operation
        for version in ("", "/versions/{version}")
        for path, operation in MODEL_OPERATIONS.items()
    },
}
VOCABULARIES: Final = "vocabularies"
VOCABULARY_PATH: Final = "/vocabularies/{vocabulary}"
BELOW_A_VOCABULARY: Final = (
    "/predict",
    "/stream",
    "/health",
    "/metadata",
    "/models/{name}/{file}",
    "/v2/models/{name}",
    "/v2/models/{name}/ready",
    "/v2/models/{name}/infer",
)
VOCABULARY_ROUTES: Final[dict[str, Operation]] = {
    "/vocabularies": Operation(tag=VOCABULARIES, responses={200: (VocabulariesResponse,)}),
    f"GET {VOCABULARY_PATH}": Operation(
        tag=VOCABULARIES, responses={200: (VocabularyForm, BYTES), 304: ()}, errors=(404, 409)
    ),
    f"PUT {VOCABULARY_PATH}": Operation(
        tag=VOCABULARIES,
        request=VocabularyForm,
        example=example_vocabulary(),
        request_media_types=(JSON, BYTES),
        responses={200: (VocabularyEntry,), 201: (VocabularyEntry,)},
        errors=BODY + ANSWER + (409,),
    ),
    f"DELETE {VOCABULARY_PATH}": Operation(tag=VOCABULARIES, responses={204: ()}, errors=(404, 503)),
    **{
        VOCABULARY_PATH + path: replace(
            MODEL_ROUTES[path], tag=VOCABULARIES, public=False, errors=(*MODEL_ROUTES[path].errors, 404, 409)
        )
        for path in BELOW_A_VOCABULARY
    },
    f"{VOCABULARY_PATH}/v2/health/live": replace(MODEL_ROUTES["/v2/health/live"], tag=VOCABULARIES),
    f"{VOCABULARY_PATH}/v2/health/ready": replace(MODEL_ROUTES["/v2/health/ready"], tag=VOCABULARIES),
}
OPERATIONS: Final[dict[str, Operation]] = MODEL_ROUTES | VOCABULARY_ROUTES
