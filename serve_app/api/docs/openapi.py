"""What ``/docs`` and ``/openapi.json`` say of each route: bodies, answers, errors, examples that work when pasted."""

from typing import Any

from serve_app.api.docs.open_inference import paths as v2_paths
from serve_app.api.docs.shots import ANALYZE_ANSWER, ANALYZE_REQUEST, example_shot

ERROR = {
    "type": "object",
    "required": ["error", "code", "request_id"],
    "properties": {
        "error": {"type": "string", "description": "one sentence: what was found and what was expected"},
        "code": {"type": "string", "description": "the same, for programs"},
        "request_id": {"type": "string"},
    },
}
NUMBERS = {"type": "array", "items": {"type": "number"}}
PAIR = {"type": "array", "items": {"type": ["number", "boolean"]}, "minItems": 2, "maxItems": 2}
PREDICT_REQUEST = {
    "type": "object",
    "required": ["sequence"],
    "properties": {
        "sequence": {
            "type": "array",
            "items": NUMBERS,
            "description": "T frames of F numbers: left hand's 21 points, then right hand's; zeros for an absent hand",
        },
        "mask": {
            "anyOf": [{"type": "array", "items": PAIR}, {"type": "null"}],
            "description": "[left, right] in 0..1 a frame, or true and false; multiplies that hand's numbers",
        },
    },
}
PREDICT_ANSWER = {
    "type": "object",
    "required": ["prediction", "probabilities", "top_index", "top_probability", "model_version", "elapsed_ms"],
    "properties": {
        "prediction": {"type": "string"},
        "probabilities": NUMBERS,
        "top_index": {"type": "integer"},
        "top_probability": {"type": "number"},
        "model_version": {"type": "string"},
        "elapsed_ms": {"type": "number"},
    },
}
EXAMPLE_WINDOW = {"sequence": [[0.1] * 84] * 10, "mask": [[1.0, 0.0]] * 10}

REASONS = {
    401: "the service has API keys, and the request carries none",
    403: "the API key is not one of the service's, or a web page of another site has a browser ask",
    400: "not JSON, or not a window of this model; the sentence names the field",
    404: "there is no such model, version or file",
    408: "the body did not come within the deadline",
    413: "the body is too large",
    415: "the body is declared as something other than JSON, or compressed as neither gzip nor deflate",
    429: "overloaded; `Retry-After` says when to come back",
    501: "the protocol has it, this service doesn't",
    503: "a model can't answer yet",
    504: "not answered within the deadline",
}


def json_content(schema: dict[str, Any], example: Any = None) -> dict[str, Any]:
    """An OpenAPI ``content`` of JSON with this schema, and an example where there is one."""
    return {"application/json": {"schema": schema} | ({"example": example} if example is not None else {})}


def errors(*statuses: int) -> dict[str, dict[str, Any]]:
    """The error responses of a route."""
    return {str(status): {"description": REASONS[status], "content": json_content(ERROR)} for status in statuses}


def answered(description: str, schema: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The 200 of a route."""
    return {"200": {"description": description, "content": json_content(schema)}}


ANALYZE = {
    "tags": ["shots"],
    "summary": "Judge a basketball shot from the poses of its frames",
    "parameters": [
        {
            "name": "Accept-Language",
            "in": "header",
            "schema": {"type": "string"},
            "description": "es (default) or en: the language of the recommendations",
        }
    ],
    "requestBody": {"required": True, "content": json_content(ANALYZE_REQUEST, example_shot())},
    "responses": answered("the shot", ANALYZE_ANSWER) | errors(400, 401, 403, 408, 413, 415, 429, 503, 504),
}

STREAM = {
    "tags": ["gestures"],
    "summary": "A live session over a WebSocket: a frame a message, the service keeps the window",
    "description": (
        "Upgrade to a WebSocket. The first message is JSON: `encoding` (`fp16`, `fp32`, `json`), `stride`, "
        "`min_frames`, `reset_after`, all optional; the answer has `type: ready` and what the model takes. Then each "
        "frame is a binary message of `feature_dim` little-endian numbers, after a frame number of 4 bytes or "
        'none, or `{"frame": [...], "mask": [left, right], "n": 7}`. `{"type": "reset"}` empties the window, '
        '`{"type": "predict", "n": 7}` asks for a prediction. Each answer is that of `/predict` with `frame` (the '
        "number of the window's last frame), `frames` (how many it has) and `skipped` (windows that it overtook). "
        "Close codes: 1003, 1007, 1008, 1009, 1012, and 4408 for a session without a message."
    ),
    "parameters": [
        {"name": "Upgrade", "in": "header", "required": True, "schema": {"const": "websocket"}},
        {
            "name": "Sec-WebSocket-Protocol",
            "in": "header",
            "schema": {"type": "string"},
            "description": "`helen.v1`, and from a browser the key as `helen.key.` and its base64url",
        },
    ],
    "responses": {"101": {"description": "the session begins"}} | errors(401, 403, 429, 503),
}

DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {
        "title": "Helen",
        "version": "1",
        "description": (
            "Names gestures from windows of hand landmarks, and judges shots from poses. Bodies may be gzip or deflate "
            "(Content-Encoding), and answers are where the client asks for it (Accept-Encoding)."
        ),
    },
    "components": {
        "securitySchemes": {
            "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            "bearer": {"type": "http", "scheme": "bearer"},
        }
    },
    "security": [{}, {"key": []}, {"bearer": []}],
    "paths": {
        "/": {
            "get": {
                "tags": ["system"],
                "summary": "A page that says what is served and leads to the others",
                "parameters": [
                    {
                        "name": "lang",
                        "in": "query",
                        "schema": {"enum": ["es", "en"]},
                        "description": "its language; by default the browser's",
                    }
                ],
                "responses": {"200": {"description": "the page", "content": {"text/html": {}}}} | errors(401, 403),
            }
        },
        "/health": {
            "get": {
                "tags": ["system"],
                "summary": "Can every model answer?",
                "responses": answered("every model can answer", {"type": "object"})
                | {
                    "503": {
                        "description": "`starting` or `degraded`, with the reason",
                        "content": json_content({"type": "object"}),
                    }
                },
            }
        },
        "/metadata": {
            "get": {
                "tags": ["system"],
                "summary": "What the gesture model expects and names",
                "responses": answered("the gesture model, and every served model", {"type": "object"})
                | errors(401, 403, 503),
            }
        },
        "/metrics": {
            "get": {
                "tags": ["system"],
                "summary": "What all replicas have counted, as Prometheus text",
                "responses": {"200": {"description": "the counts", "content": {"text/plain": {}}}} | errors(401, 403),
            }
        },
        "/models/{name}/{file}": {
            "get": {
                "tags": ["system"],
                "summary": "The served model's own files, for a client that answers by itself when it is offline",
                "parameters": [
                    {
                        "name": "name",
                        "in": "path",
                        "required": True,
                        "schema": {"type": "string"},
                        "example": "gesture",
                    },
                    {
                        "name": "file",
                        "in": "path",
                        "required": True,
                        "schema": {"enum": ["model.onnx", "card.json"]},
                    },
                ],
                "responses": {
                    "200": {"description": "the file; `ETag` is its SHA-256"},
                    "304": {"description": "as known"},
                }
                | errors(401, 403, 404, 503),
            }
        },
        "/stream": {"get": STREAM},
        "/analyze": {"post": ANALYZE},
        "/shots": {
            "get": {
                "tags": ["shots"],
                "summary": "A page to look at a keypoints file, label it and have it judged",
                "responses": {"200": {"description": "the page", "content": {"text/html": {}}}} | errors(401, 403),
            }
        },
        "/api/analyze": {"post": ANALYZE | {"summary": "The same as /analyze"}},
        "/predict": {
            "post": {
                "tags": ["gestures"],
                "summary": "Name the gesture of one window of landmarks",
                "requestBody": {"required": True, "content": json_content(PREDICT_REQUEST, EXAMPLE_WINDOW)},
                "responses": answered("the gesture", PREDICT_ANSWER)
                | errors(400, 401, 403, 408, 413, 415, 429, 503, 504),
            }
        },
        **v2_paths(ERROR, REASONS),
    },
}
