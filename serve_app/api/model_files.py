"""``GET /models/{name}/{file}``: the served model's own files, for a Pi that answers by itself when it is offline."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from landmarks.models.card import CARD_FILE, MODEL_FILE, compute_sha256
from serve_app.api.app_state import get_state, get_vocabulary

MEDIA_TYPES = {MODEL_FILE: "application/octet-stream", CARD_FILE: "application/json"}


async def model_file(request: Request) -> Response:
    """One file of the version that is served now; 304 when the client's ``If-None-Match`` names it already.

    Below a vocabulary it is the model's all the same: what its recordings are embedded by.
    """
    name, file = request.path_params["name"], request.path_params["file"]
    state = get_state(request)
    model = state.get_model(name)
    if get_vocabulary(request) is not None:
        state.get_gestures(get_vocabulary(request))
    if file not in MEDIA_TYPES:
        raise HTTPException(404)
    content = (await model.artifacts())[file]
    tag = f'"{compute_sha256(content)}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=MEDIA_TYPES[file], headers=headers)
