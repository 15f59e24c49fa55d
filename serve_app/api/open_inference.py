"""``/v2``: the Open Inference Protocol for every served model, with binary tensors and the model repository.

``infer`` goes the way of ``/predict``, through the same stages and batches. Tensors are read and written by
``landmarks/protocol/open_inference.py``.
"""

import time
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from landmarks.protocol.open_inference import HEADER_LENGTH, InferRequest, decode_request, encode_response
from landmarks.protocol.tensors import PRESENCE, ProtocolError, TensorSpec
from serve_app.api.app_state import AppState, get_state, get_vocabulary
from serve_app.api.auth.middleware import get_key_name
from serve_app.api.deadline import within_deadline
from serve_app.api.infer_request import IndexRequest, LoadRequest, parse_tensor_rows, select_outputs
from serve_app.api.json_responses import elapsed_ms, json_response
from serve_app.api.request_body import read_body
from serve_app.batching.model_client import BatchingModelClient
from serve_app.errors import InvalidInput, NotFound, Unsupported
from serve_app.gestures.client import GestureClient
from serve_app.validation import Decoded, decode_json
from serve_app.vocabularies.served import ServedGestures

SERVER = {"name": "helen", "version": "1", "extensions": ["binary_tensor_data", "model_repository"]}
PLATFORM = "onnxruntime_onnx"


_index_decoder = msgspec.json.Decoder(IndexRequest)
_load_decoder = msgspec.json.Decoder(LoadRequest)


async def server(_: Request) -> Response:
    """What serves, and which extensions of the protocol it knows."""
    return json_response(SERVER)


async def live(_: Request) -> Response:
    """This replica answers."""
    return json_response({"live": True})


async def ready(request: Request) -> Response:
    """200 when every model is ready, else 503."""
    all_ready = all(model.ready for model in get_state(request).models)
    return json_response({"ready": all_ready}, 200 if all_ready else 503)


async def model_ready(request: Request) -> Response:
    """200 when this model is ready, else 503; 404 when the path names another version than the one that is served."""
    state = get_state(request)
    model = state.get_model(request.path_params["name"])
    status = model.status
    has_model = status.card is not None
    if has_model:
        served = get_served(state, model, get_vocabulary(request))
        check_version(request, status.name, served.version)
    return json_response({"name": status.name, "ready": has_model}, 200 if has_model else 503)


async def model_metadata(request: Request) -> Response:
    """What a model takes and gives."""
    model = get_ready_model(request)
    status = model.status
    served = get_served(get_state(request), model, get_vocabulary(request))
    return json_response(
        {
            "name": status.name,
            "versions": [served.version],
            "platform": PLATFORM,
            "inputs": status.inputs,
            "outputs": list_output_specs(model, served),
        }
    )


async def infer(request: Request) -> Response:
    """Answer a batch of windows of equal length."""
    state = get_state(request)
    return await within_deadline(request, respond(request, state), state.arguments.request_deadline_s)


async def respond(request: Request, state: AppState) -> Response:
    """Read, check, batch, infer: the path of a v2 request from top to bottom."""
    started = time.perf_counter()
    model = get_ready_model(request)
    model.check_tensor_capacity()
    body = await read_body(request, state.arguments.max_body_bytes)
    decoding = time.perf_counter()
    parsed = parse_infer_request(body, request)
    most = min(state.arguments.max_batch_size, state.arguments.max_waiting)
    rows = parse_tensor_rows(parsed, model.status.inputs, model.require_ready(), most)
    served = get_served(state, model, choose_vocabulary(request, parsed))
    wanted = select_outputs(parsed, list_output_specs(model, served))
    name = model.status.name
    state.metrics.record_decode(name, model.status.version or "-", time.perf_counter() - decoding)
    for row in rows:
        if PRESENCE in row:
            state.metrics.record_presence(name, get_key_name(request.scope), row[PRESENCE])
    if isinstance(model, GestureClient):
        own = {spec.name for spec in model.status.outputs}
        read = tuple(output.name for output in wanted if output.name in own)
        version, tensors = await model.infer_gestures(rows, served.vocabulary, read)
    else:
        version, tensors = await model.infer(rows)
    by_parameter = served.vocabulary is not None and get_vocabulary(request) is None
    check_version(request, name, version.rpartition("-")[0] if by_parameter else version)
    body, json_bytes = encode_response(
        tensors,
        wanted,
        model_name=name,
        model_version=version,
        request_id=parsed.id,
        elapsed_ms=elapsed_ms(started),
    )
    if json_bytes is None:
        return Response(body, media_type="application/json")
    return Response(body, media_type="application/octet-stream", headers={HEADER_LENGTH: str(json_bytes)})


async def repository_index(request: Request) -> Response:
    """Every model with the version that is served, and those that are rejected, with the reason."""
    only_ready = await parse_json(request, _index_decoder)
    found: list[tuple[str, str, str, str]] = []
    for model in get_state(request).models:
        status = model.status
        if status.card is not None:
            found.append((status.name, status.version or "", "READY", ""))
        elif not model.ready:
            found.append((status.name, "", "UNAVAILABLE", status.reason or ""))
        rejected = ((parse_rejected_version(place), reason) for place, reason in status.rejected_versions.items())
        found += [(status.name, version, "UNAVAILABLE", reason) for version, reason in rejected]
    entries = [dict(zip(("name", "version", "state", "reason"), each, strict=True)) for each in found]
    return json_response([entry for entry in entries if entry["state"] == "READY" or not only_ready.ready])


async def load(request: Request) -> Response:
    """Have every replica look now for the newest version, or the pinned one, instead of within its ``poll_s``.

    200 when all of them serve the same version then and rejected none, else 400 with the reason.
    """
    model = get_state(request).get_model(request.path_params["name"])
    given = (await parse_json(request, _load_decoder)).parameters
    if given:
        name = next(iter(given))
        raise InvalidInput(f"parameters has {name[:100]!r}, expected none: a model is a folder of the repository")
    statuses = await model.reload()
    for status in statuses:
        if status.card is None:
            raise InvalidInput(status.reason or f"no {status.name} model could be loaded")
        for place, reason in status.rejected_versions.items():
            raise InvalidInput(f"{place} is rejected: {reason}; version {status.version} answers")
    versions = sorted({status.version or "" for status in statuses})
    if len(versions) > 1:
        raise InvalidInput(f"replicas serve the versions {', '.join(versions)}, expected one; load again in a moment")
    return json_response({})


async def unload(request: Request) -> Response:
    """Not done over HTTP: replicas come and go, and each serves the best version that it finds."""
    name = get_state(request).get_model(request.path_params["name"]).status.name
    raise Unsupported(
        f"{name} can't be unloaded here, since a new replica would load it again: delete the version's folder, "
        "or pin another version in serve_config.yaml"
    )


def get_ready_model(request: Request) -> BatchingModelClient[Any]:
    """The model that a path names.

    Raises:
        NotFound: there is no such model, or it isn't served in this version.
        NotReady: it isn't ready yet.
    """
    state = get_state(request)
    model = state.get_model(request.path_params["name"])
    model.require_ready()
    check_version(request, model.status.name, get_served(state, model, get_vocabulary(request)).version)
    return model


def get_served(state: AppState, model: BatchingModelClient[Any], vocabulary: str | None) -> ServedGestures:
    """The card and the version of a model that is ready, or of a vocabulary over it.

    Raises:
        NotFound: a vocabulary of another model than the gestures', or one that isn't there.
        Conflict: the vocabulary can't be applied.
    """
    if model is state.gesture:
        return state.get_gestures(vocabulary)
    if vocabulary is not None:
        found, expected = model.status.name, state.gesture.status.name
        raise NotFound(f"the vocabulary {vocabulary[:100]!r} has no model {found}, expected {expected}")
    return ServedGestures(model.require_ready(), model.status.version or "")


def list_output_specs(model: BatchingModelClient[Any], served: ServedGestures) -> tuple[TensorSpec, ...]:
    """The tensors that a model gives, or a vocabulary over it."""
    return model.list_output_specs(served.card) if isinstance(model, GestureClient) else model.output_specs


def choose_vocabulary(request: Request, parsed: InferRequest) -> str | None:
    """The vocabulary that the path or the request's parameters name.

    Raises:
        InvalidInput: they name two.
    """
    by_path, by_parameter = get_vocabulary(request), parsed.vocabulary
    if by_path is not None and by_parameter not in (None, by_path):
        raise InvalidInput(f"parameters.vocabulary is {str(by_parameter)[:100]!r}, expected {by_path!r} as in the path")
    return by_path or by_parameter


def check_version(request: Request, name: str, served: str) -> None:
    """Check that a path that names a version names the one that is served.

    Raises:
        NotFound: it names another.
    """
    wanted = request.path_params.get("version", served)
    if wanted != served:
        raise NotFound(f"version {wanted[:100]!r} of {name} is not served, expected {served!r}")


def parse_infer_request(body: bytes, request: Request) -> InferRequest:
    """Decode a body whose header may say how much of it is JSON.

    Raises:
        InvalidInput: it isn't a request.
    """
    given = request.headers.get(HEADER_LENGTH)
    if given is not None and not (given.isascii() and given.isdigit() and len(given) <= 20):
        raise InvalidInput(f"{HEADER_LENGTH} is {given[:100]!r}, expected a number of bytes")
    try:
        return decode_request(body, None if given is None else int(given))
    except ProtocolError as error:
        raise InvalidInput(str(error)) from error


async def parse_json(request: Request, decoder: "msgspec.json.Decoder[Decoded]") -> Decoded:
    """Decode the small JSON body of a repository call; none at all is an empty object.

    Raises:
        InvalidInput: it isn't what the call takes.
    """
    limits = get_state(request).arguments
    body = await within_deadline(request, read_body(request, limits.max_body_bytes), limits.request_deadline_s)
    return decode_json(body or b"{}", decoder)


def parse_rejected_version(place: str) -> str:
    """The version in a rejected version's place, ``<uri>:<version>``, or nothing for a file or a folder."""
    version = place.rpartition(":")[2]
    return version if version.isdecimal() else ""
