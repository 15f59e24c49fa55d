"""The driver of a stream: an RTSP or HTTP URL by FFmpeg. Nothing that it shows has the URL's password."""

import http.client
import re
import socket
import ssl
import threading
from typing import Any, Final
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

import urllib3
from urllib3.util import Retry, Timeout, make_headers

from edge_client.capture.opencv import OpenCvVideo, open_video
from edge_client.settings import Capture
from landmarks.tracking.vision_libraries import import_library

URL_SCHEMES: Final = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}
MAX_REDIRECTS: Final = 3
LONGEST_QUOTE: Final = 120
UNREADABLE: Final = "but nothing that can be read as a video"

_RTSP_STATUS: Final = re.compile(rb"RTSP/1\.\d (\d{3})(?: ([ -~]{1,80}))?\r?\n")
_SECRETS: Final = re.compile(r"(?i)\b(pass|password|passwd|pwd|token|key|apikey|api_key)=[^&#]*")


class UrlStream:
    """A stream, given up where it takes longer than ``settings.stall`` to open or to go on.

    Raises:
        LibraryError: OpenCV is missing.
    """

    def __init__(self, url: str, settings: Capture) -> None:
        self.name = hide_password(url)
        self._cv2: Any = import_library("cv2")
        self._url = url
        self._stall = settings.stall

    def open(self, _: threading.Event) -> OpenCvVideo | None:
        cv2, stall_ms = self._cv2, int(self._stall * 1000)
        limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, stall_ms, cv2.CAP_PROP_READ_TIMEOUT_MSEC, stall_ms]
        return open_video(self._url, cv2.CAP_FFMPEG, limits)

    def describe_failure(self) -> str:
        return describe_failure(self._url, self._stall)


def hide_password(name: str) -> str:
    """A source's name for people: a URL without its user and password, all else as it is."""
    scheme, separator, rest = name.partition("://")
    if not separator:
        return name
    place, slash, path = rest.partition("/")
    host = place.rpartition("@")
    shown = f"{scheme}://{'…@' if host[1] else ''}{host[2]}{slash}{path}"
    return _SECRETS.sub(r"\1=…", shown)


def describe_failure(name: str, timeout_s: float) -> str:
    """Why a URL gives no video, to be read after its name; asked of the server, since OpenCV doesn't tell.

    Takes ``timeout_s`` at most for each step of asking.
    """
    try:
        url = urlsplit(name)
        port = url.port or URL_SCHEMES[url.scheme]
        if not url.hostname:
            raise ValueError("it has no host")
    except ValueError as error:
        return f"is no URL ({error}), expected one as {urlsplit(name[:5]).scheme or 'http'}://host:port/path"
    try:
        with socket.create_connection((url.hostname, port), timeout_s) as connection:
            if url.scheme == "rtsp":
                return _describe_rtsp(connection, url)
            if url.scheme == "rtsps":
                with ssl.create_default_context().wrap_socket(connection, server_hostname=url.hostname) as secure:
                    return _describe_rtsp(secure, url)
        return _describe_http(name, url, timeout_s)
    except (OSError, urllib3.exceptions.HTTPError) as error:
        return f"can't be reached: {_reason(error)}"


def _describe_http(name: str, url: SplitResult, timeout_s: float) -> str:
    headers = make_headers(basic_auth=_credentials(url)) if _credentials(url) else {}
    with urllib3.PoolManager(timeout=Timeout(timeout_s), retries=Retry(0)) as pool:
        for _ in range(MAX_REDIRECTS + 1):
            answer = pool.request("GET", name, headers=headers, preload_content=False, redirect=False)
            answer.close()
            status = _describe_status(answer.status, http.client.responses.get(answer.status, ""), url)
            location = answer.get_redirect_location()
            if not location:
                break
            try:
                name = urljoin(name, location)
                problem = _describe_target(urlsplit(name))
            except ValueError:
                problem = "which is no address"
            if problem:
                return f"{status} and names '{_shown(location)}', {problem}"
            if urlsplit(name).netloc != urlsplit(url.geturl()).netloc:
                headers = {}
    if answer.status != http.client.OK:
        return status
    content_type = answer.headers.get("Content-Type", "")
    if content_type.startswith(("text/", "application/json")):
        return f"answers 200 with {content_type[:60]}, expected a video"
    return f"answers 200, {UNREADABLE}"


def _describe_target(url: SplitResult) -> str:
    """Why a redirect can't be followed; empty where it can.

    Raises:
        ValueError: it is no URL.
    """
    if url.scheme not in ("http", "https"):
        return "expected http:// or https://"
    return "" if url.hostname and url.port != 0 else "which is no address"


def _shown(location: str) -> str:
    """What a server named, for one line and without a password."""
    return "".join(letter if letter.isprintable() else " " for letter in hide_password(location)[:LONGEST_QUOTE])


def _describe_rtsp(connection: socket.socket, url: SplitResult) -> str:
    credentials = _credentials(url)
    named = url._replace(netloc=url.netloc.rpartition("@")[2]).geturl()
    lines = [f"DESCRIBE {named} RTSP/1.0", "CSeq: 1", "Accept: application/sdp", "User-Agent: helen"]
    if credentials:
        lines.append(f"Authorization: {make_headers(basic_auth=credentials)['authorization']}")
    connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
    found = _RTSP_STATUS.match(connection.recv(1024))
    if found is None:
        return "answers, but not as an RTSP server"
    status = int(found[1])
    if status != http.client.OK:
        return _describe_status(status, (found[2] or b"").decode(), url)
    return f"answers 200, {UNREADABLE}"


def _describe_status(status: int, phrase: str, url: SplitResult) -> str:
    answer = f"answers {status} {phrase}".rstrip()
    if status not in (http.client.UNAUTHORIZED, http.client.FORBIDDEN):
        return answer
    if _credentials(url):
        return f"{answer}: the user or the password is not accepted"
    return f"{answer}: expected a user and password, as {url.scheme}://user:password@..."


def _credentials(url: SplitResult) -> str:
    return f"{unquote(url.username)}:{unquote(url.password or '')}" if url.username else ""


def _reason(error: BaseException) -> str:
    """The innermost reason: urllib3 and ssl wrap the system's."""
    while (inner := getattr(error, "reason", None)) is not None and isinstance(inner, BaseException):
        error = inner
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return getattr(error, "strerror", None) or str(error)
