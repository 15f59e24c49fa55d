"""The service's model, fetched to this machine by ``python -m edge_client model``: the local model from then on."""

from pathlib import Path

from edge_client.service.http_client import ServiceClient
from landmarks.files.atomic import replace_file
from landmarks.models.card import CARD_FILE, MODEL_FILE, ModelCard, ModelError, decode_card
from landmarks.models.session import ModelSession


def fetch_model(client: ServiceClient, folder: Path) -> ModelCard:
    """Fetch the gesture model that the service serves now into ``folder``, once it has proved itself here.

    Raises:
        ServiceError: when the service doesn't hand it over.
        ModelError: when the files don't fit each other, as when a new version went live between the two: try again;
            or when they can't be written.
    """
    card_file, model_file = client.get_model_file(CARD_FILE), client.get_model_file(MODEL_FILE)
    card = ModelSession(model_file, decode_card(card_file, "the service's card.json"), threads=1, kind="gesture").card
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in ((MODEL_FILE, model_file), (CARD_FILE, card_file)):
            with replace_file(folder / name) as file:
                file.write(content)
    except OSError as error:
        raise ModelError(f"{folder} can't be written: {error.strerror or error}") from error
    return card
