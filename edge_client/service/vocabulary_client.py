"""Vocabularies on the service: which one a URL names, and how a vocabulary's file is fetched, sent and removed.

Bytes only: ``landmarks/models/vocabulary_files.py`` reads them.
"""

import re
from typing import Final, NamedTuple

from edge_client.service.http_client import ServiceClient
from edge_client.service.replies import ServiceError
from edge_client.settings import Cloud
from edge_client.settings.values import VOCABULARY_NAME
from landmarks.models.card import compute_sha256
from landmarks.models.vocabulary_files import MAX_BYTES

NOT_MODIFIED: Final = 304
NOT_FOUND: Final = 404
MISSING: Final = "there is no vocabulary"  # what tells it from a 404 of a proxy, or of another program
MISSING_HINT: Final = "python -m edge_client teach NAME makes it, or name another one in HELEN_CLOUD_API_URL"
FILE_TYPE: Final = "application/octet-stream"

_NAMED: Final = re.compile(rf"(?P<root>.*)/vocabularies/(?P<name>{VOCABULARY_NAME.pattern})")


class ServiceAddress(NamedTuple):
    """A service's base URL without a vocabulary's path, and the vocabulary that the URL names."""

    root: str
    vocabulary: str | None


def parse_address(url: str) -> ServiceAddress:
    """``http://host:8000/vocabularies/mine`` as ``http://host:8000`` and ``mine``."""
    url = url.rstrip("/")
    named = _NAMED.fullmatch(url)
    return ServiceAddress(named["root"], named["name"]) if named else ServiceAddress(url, None)


def is_vocabulary_name(name: str) -> bool:
    """Whether the service takes a vocabulary of this name."""
    return VOCABULARY_NAME.fullmatch(name) is not None


def is_vocabulary_missing(fault: Exception) -> bool:
    """Whether the service answers, and says that it has no vocabulary of the name that was asked for."""
    return isinstance(fault, ServiceError) and fault.status == NOT_FOUND and MISSING in str(fault)


def open_root_client(settings: Cloud) -> ServiceClient:
    """A client of the service itself, where the settings' URL names one of its vocabularies."""
    return ServiceClient(settings.model_copy(update={"url": parse_address(settings.url).root}))


def fetch_vocabulary(
    client: ServiceClient, name: str, known: str | None = None, *, timeout: float | None = None
) -> bytes | None:
    """A vocabulary's file from the service at its root; ``None`` where it still has the SHA-256 that is ``known``.

    Raises:
        ServiceError: the service gave none; its status is 404 where it has none of this name.
    """
    headers = {"Accept": FILE_TYPE} | ({"If-None-Match": f'"{known}"'} if known else {})
    try:
        data, _ = client.request("GET", f"/vocabularies/{name}", headers, timeout=timeout, limit=MAX_BYTES)
    except ServiceError as error:
        if error.status == NOT_MODIFIED:
            return None
        raise
    return None if compute_sha256(data) == known else data


def send_vocabulary(client: ServiceClient, name: str, data: bytes) -> None:
    """Store a vocabulary's file on the service at its root.

    Raises:
        ServiceError: the service doesn't take it.
    """
    client.request("PUT", f"/vocabularies/{name}", {"Content-Type": FILE_TYPE}, data, timeout=None)


def delete_vocabulary(client: ServiceClient, name: str) -> None:
    """Remove a vocabulary from the service at its root; one that it doesn't have is removed already.

    Raises:
        ServiceError: the service doesn't remove it.
    """
    try:
        client.request("DELETE", f"/vocabularies/{name}", timeout=None)
    except ServiceError as error:
        if error.status != NOT_FOUND:
            raise
