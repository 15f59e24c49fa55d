"""The two functions of the source system's client, by their names, on a client that the environment sets up."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from edge_client.service.http_client import ServiceClient
from edge_client.settings import load_settings
from landmarks.hands import Array


@cache
def default_client() -> ServiceClient:
    """The client that the environment sets up (``HELEN_CLOUD_API_URL`` and its neighbours)."""
    return ServiceClient(load_settings().cloud)


def get_model_metadata(force_refresh: bool = False, timeout: float | None = None) -> dict[str, Any] | None:
    """``ServiceClient.get_model_metadata`` of the default client."""
    return default_client().get_model_metadata(force_refresh, timeout)


def get_prediction_from_cloud(
    sequence: Array | Sequence[Sequence[float]],
    mask: Array | Sequence[Sequence[float]] | None = None,
    timeout: float | None = None,
) -> dict[str, Any] | None:
    """``ServiceClient.get_prediction_from_cloud`` of the default client."""
    return default_client().get_prediction_from_cloud(sequence, mask, timeout)
