"""``/vocabularies``: people's own gestures, as files that are put, listed, fetched and deleted.

Below a vocabulary's name the routes of the model answer with its labels; they are the model's own endpoints.
"""

import asyncio
from typing import Final

import msgspec
from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import Response

from landmarks.models.vocabulary import VocabularyError
from landmarks.models.vocabulary_files import MAX_BYTES, SUFFIX
from serve_app.api.app_state import AppState, get_state
from serve_app.api.deadline import within_deadline
from serve_app.api.json_responses import json_response
from serve_app.api.request_body import JSON_TYPES, Take, read_body
from serve_app.errors import BodyTooLarge, InvalidInput, UnsupportedContentType
from serve_app.gestures.client import TEACH_TIMEOUT_S
from serve_app.vocabularies.form import MAX_JSON_BYTES, build_form, parse_form
from serve_app.vocabularies.heads import build_no_embedding_error
from serve_app.vocabularies.stored import StoredVocabulary, check_name, decode, to_utf8

FILE_TYPE: Final = "application/octet-stream"
BODIES_AT_ONCE: Final = 3  # of the largest that are taken


async def list_vocabularies(request: Request) -> Response:
    """Every vocabulary, and the files that are rejected, with the reason."""
    found = get_state(request).vocabularies.store.found
    return json_response(
        {
            "vocabularies": [stored.describe() for stored in found.served.values()],
            "rejected": {to_utf8(name): rejected.reason for name, rejected in found.rejected.items()},
        }
    )


class VocabularyEndpoint(HTTPEndpoint):
    """One vocabulary: its file, or its recordings as JSON."""

    async def get(self, request: Request) -> Response:
        """The vocabulary's file, or with ``Accept: application/json`` its recordings in the form that ``PUT`` takes.

        304 when the client's ``If-None-Match`` names the file already.
        """
        stored = get_state(request).vocabularies.store.get(request.path_params["vocabulary"])
        if "application/json" in request.headers.get("accept", ""):
            body = await asyncio.to_thread(encode_form, stored)
            return Response(body, media_type="application/json", headers={"Vary": "Accept"})
        tag = f'"{stored.sha256}"'
        headers = {"ETag": tag, "Cache-Control": "no-cache", "Vary": "Accept"}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        headers["Content-Disposition"] = f'attachment; filename="{stored.name}{SUFFIX}"'
        return Response(stored.data, media_type=FILE_TYPE, headers=headers)

    async def put(self, request: Request) -> Response:
        """Store a vocabulary's file, or teach one from recordings in JSON; 201 when the name is new.

        Every replica applies it within two seconds. Teaching takes some milliseconds a recording, and once the body is
        there may take longer than other requests.
        """
        state = get_state(request)
        name = check_name(request.path_params["vocabulary"])
        deadline_s = state.arguments.request_deadline_s
        with state.vocabulary_bodies.hold(BODIES_AT_ONCE * MAX_JSON_BYTES) as take:
            body = await within_deadline(request, read_vocabulary_body(request, take), deadline_s)
            if not is_form(request, body):
                return await within_deadline(request, store_file(name, body, state), deadline_s)
            return await within_deadline(request, store_taught(name, body, state), TEACH_TIMEOUT_S)

    async def delete(self, request: Request) -> Response:
        """Remove a vocabulary, or a rejected file of this name."""
        store = get_state(request).vocabularies.store
        await asyncio.to_thread(store.delete, request.path_params["vocabulary"])
        return Response(status_code=204)


async def read_vocabulary_body(request: Request, take: Take) -> bytes:
    """A vocabulary's file, or its recordings as JSON.

    Raises:
        UnsupportedContentType: it is declared as something else.
        BodyTooLarge: as ``read_body``, or a file that isn't declared has more than ``MAX_BYTES``.
        UnsupportedEncoding, InvalidInput, Overloaded: as ``read_body``.
    """
    declared = get_content_type(request)
    if declared not in (*JSON_TYPES, FILE_TYPE, ""):
        raise UnsupportedContentType(f"Content-Type is {declared[:100]}, expected {FILE_TYPE} or application/json")
    body = await read_body(request, MAX_BYTES if declared == FILE_TYPE else MAX_JSON_BYTES, take)
    if len(body) > MAX_BYTES and not is_form(request, body):
        raise BodyTooLarge(f"the body has {len(body)} bytes, expected at most {MAX_BYTES}")
    return body


async def store_taught(name: str, body: bytes, state: AppState) -> Response:
    """Teach a vocabulary from recordings and store it."""
    return await store_file(name, await teach(body, state), state)


async def store_file(name: str, data: bytes, state: AppState) -> Response:
    """Check and store a vocabulary's file.

    Raises:
        InvalidInput: it isn't one.
        Conflict, StorageUnavailable: as ``VocabularyStore.put``.
    """
    try:
        stored, is_new = await asyncio.to_thread(state.vocabularies.store.put, name, data)
    except VocabularyError as error:
        raise InvalidInput(str(error)) from error
    return json_response(stored.describe(), 201 if is_new else 200)


def get_content_type(request: Request) -> str:
    """What a body is declared as, without its parameters; empty where it isn't."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def is_form(request: Request, body: bytes) -> bool:
    """Whether a body holds recordings, and no file: what isn't declared does where it begins as JSON does."""
    declared = get_content_type(request)
    return declared in JSON_TYPES or (not declared and body.lstrip().startswith(b"{"))


async def teach(body: bytes, state: AppState) -> bytes:
    """The file of a vocabulary taught from the recordings in a JSON body.

    Raises:
        InvalidInput: it can't be taught from.
        Conflict: the model carries no vocabularies.
        NotReady: there is no model.
    """
    if state.gesture.require_ready().embedding_dim is None:
        raise build_no_embedding_error(state.gesture.status.version or "-")
    async with state.teaching:
        recording, keep = await asyncio.to_thread(parse_form, body)
        return await state.gesture.teach(recording, keep)


def encode_form(stored: StoredVocabulary) -> bytes:
    """A stored vocabulary's recordings as JSON."""
    return msgspec.json.encode(build_form(decode(stored.data)))
