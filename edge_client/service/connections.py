"""Connections to a peer: certificates, retries, and why no connection came about.

Both transports use it, ``http_client.py`` and ``stream_client.py``.
"""

import ssl

import urllib3
from urllib3.util import Retry

from edge_client.service.replies import parse_retry_after, quote_text
from edge_client.settings import Cloud, SettingsError


class BoundedRetry(Retry):
    """urllib3's retries, for a peer that may put anything into ``Retry-After``."""

    def parse_retry_after(self, retry_after: str) -> float:
        return parse_retry_after(retry_after)


def create_tls_context(settings: Cloud) -> ssl.SSLContext | None:
    """Whose certificates are believed, for an ``https`` service; ``None`` for a plain one.

    Raises:
        SettingsError: ``ca_file`` holds no certificates.
    """
    if not settings.url.startswith("https:"):
        return None
    try:
        return ssl.create_default_context(cafile=settings.ca_file or None)
    except OSError as error:  # ssl.SSLError too
        reason = error.strerror or str(error)
        raise SettingsError(f"cloud.ca_file {settings.ca_file} can't be used: {reason}, expected a PEM file") from error


def describe_connection_error(error: Exception) -> str:
    """Why no connection came about, or why it broke, on one line."""
    cause = error.reason if isinstance(error, urllib3.exceptions.MaxRetryError) and error.reason else error
    text = quote_text(str(cause)) or type(cause).__name__
    unknown_authority = "self-signed certificate" in text or "unable to get local issuer" in text
    return f"{text}; name the authority's PEM file in cloud.ca_file" if unknown_authority else text
