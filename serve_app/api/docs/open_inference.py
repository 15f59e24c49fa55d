"""What ``/docs`` and ``/openapi.json`` say of ``/v2``, the Open Inference Protocol."""

from typing import Any

EXAMPLE_TENSOR = {"name": "sequence", "shape": [1, 10, 84], "datatype": "FP32", "data": [0.1] * 840}

TENSOR = {
    "type": "object",
    "required": ["name", "shape", "datatype"],
    "properties": {
        "name": {"type": "string"},
        "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}},
        "datatype": {"enum": ["FP32", "FP16", "BYTES"]},
        "parameters": {
            "type": "object",
            "properties": {"binary_data_size": {"type": "integer", "description": "bytes of it behind the JSON"}},
        },
        "data": {"type": "array", "items": {}, "description": "flat and row-major, or nested as the shape says"},
    },
}
INFER_REQUEST = {
    "type": "object",
    "required": ["inputs"],
    "properties": {
        "id": {"type": "string", "description": "comes back in the answer"},
        "inputs": {
            "type": "array",
            "items": TENSOR,
            "description": "windows [B, T, F] as `sequence`; `presence` [B, T, 2] may be left out",
        },
        "outputs": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name"],
                "properties": {
                    "name": {"type": "string"},
                    "parameters": {"type": "object", "properties": {"binary_data": {"type": "boolean"}}},
                },
            },
            "description": "what to answer, by default all outputs",
        },
        "parameters": {"type": "object", "properties": {"binary_data_output": {"type": "boolean"}}},
    },
}
INFER_ANSWER = {
    "type": "object",
    "required": ["model_name", "model_version", "outputs"],
    "properties": {
        "model_name": {"type": "string"},
        "model_version": {"type": "string"},
        "id": {"type": "string"},
        "outputs": {"type": "array", "items": TENSOR},
        "parameters": {"type": "object", "properties": {"elapsed_ms": {"type": "number"}}},
    },
}
RAW = "JSON, then the tensors' bytes, little-endian; `Inference-Header-Content-Length` is the number of bytes of JSON"


def paths(error: Any, reasons: dict[int, str]) -> dict[str, Any]:
    """The paths of ``/v2``; ``error`` is the error body's schema, ``reasons`` what each status means."""

    def call(
        summary: str, statuses: tuple[int, ...], answer: dict[str, Any] | None = None, **more: Any
    ) -> dict[str, Any]:
        content = {"application/json": {"schema": answer or {"type": "object"}}}
        refusals = {
            str(status): {
                "description": reasons[status],
                "content": {"application/json": {"schema": error}},
            }
            for status in (401, 403, *statuses)
        }
        responses = {"200": {"description": "yes" if answer is None else "the answer", "content": content}} | refusals
        return {"tags": ["open inference v2"], "summary": summary, "responses": responses} | more

    def asked(question: str, *statuses: int) -> dict[str, Any]:
        """A call whose status is the answer; a 503 has the same body as the 200."""
        described = call(question, statuses)
        no = {"description": "no", "content": described["responses"]["200"]["content"]}
        return described | {"responses": described["responses"] | {"503": no}}

    def parameter(name: str, place: str = "path", example: str | None = None) -> dict[str, Any]:
        shown = {} if example is None else {"example": example}
        return {"name": name, "in": place, "required": place == "path", "schema": {"type": "string"}} | shown

    model = parameter("name", example="gesture")
    length = parameter("Inference-Header-Content-Length", "header") | {"description": RAW}
    body = {
        "required": True,
        "content": {
            "application/json": {"schema": INFER_REQUEST, "example": {"inputs": [EXAMPLE_TENSOR]}},
            "application/octet-stream": {"schema": {"type": "string", "contentMediaType": "application/octet-stream"}},
        },
    }
    index = {"type": "array", "items": {"type": "object"}}
    infer = call("Answer a batch", (400, 404, 408, 413, 415, 429, 503, 504), INFER_ANSWER, requestBody=body)
    model_calls = {
        "": ("get", call("What the model takes and gives", (404, 503), {"type": "object"})),
        "/ready": ("get", asked("Can this model answer?", 404)),
        "/infer": ("post", infer),
    }
    found: dict[str, Any] = {
        "/v2": {"get": call("What serves", (), {"type": "object"})},
        "/v2/health/live": {"get": call("Does the service answer?", ())},
        "/v2/health/ready": {"get": asked("Can every model answer?")},
        "/v2/repository/index": {"post": call("Every model, and what is refused, with the reason", (400, 408), index)},
    }
    for call_name, summary, status in (
        ("load", "Look for the newest version, or the pinned one, now and in every replica", 400),
        ("unload", "Refused: a new replica would load the model again", 501),
    ):
        found[f"/v2/repository/models/{{name}}/{call_name}"] = {
            "post": call(summary, (404, status), parameters=[model])
        }
    for prefix, version in (("/v2/models/{name}", []), ("/v2/models/{name}/versions/{version}", ["version"])):
        for path, (method, described) in model_calls.items():
            given = [model, *(parameter(name, example="1") for name in version)]
            given += [length] if path == "/infer" else []
            found[prefix + path] = {method: described | {"parameters": given}}
    return found
