"""The driver of bare sockets: pictures that a program sends over TCP or UDP, as ``rpicam-vid -o tcp://...`` does.

Motion JPEG is read here, at once. H.264, MPEG-TS and what else there is are FFmpeg's, which looks at them for a while.
"""

import ipaddress
import os
import select
import socket
import struct
import threading
import time
from typing import Any, Final
from urllib.parse import urlsplit

from edge_client.capture.frames import DriverError, Image, SourceError, Video
from edge_client.capture.live_source import OPENING_S
from edge_client.capture.opencv import OpenCvVideo, open_video
from edge_client.capture.piped.pictures import JpegStream
from edge_client.capture.piped.video import CHECK_S, TIMEOUT_SHARE, PipedVideo
from edge_client.settings import Capture
from landmarks.tracking.vision_libraries import import_library

SCHEMES: Final = ("tcp", "udp")
# A sender's burst, a picture or two, waits here while the client looks at the one before.
RECEIVE_BUFFER_BYTES: Final = 1024 * 1024
LONGEST_PACKET: Final = 65536
# Packets without the start of a picture, after which a UDP stream is taken for something else.
MAX_STRANGE_PACKETS: Final = 256
# How long FFmpeg looks at a stream, in microseconds, before it believes what it is; read when it opens one.
FFMPEG_OPTIONS: Final = ("OPENCV_FFMPEG_CAPTURE_OPTIONS", "analyzeduration;1500000")

_JPEG: Final = b"\xff\xd8\xff"
_NEXT_JPEG: Final = b"\xff\xd9\xff\xd8\xff"
_H264: Final = (b"\0\0\0\1", b"\0\0\1")
_TS_PACKET_BYTES: Final = 188
_TS_SYNC: Final = 0x47


class SocketStream:
    """Pictures of ``tcp://host:port``, which it connects to, or ``udp://:port``, where it listens.

    Raises:
        SourceError: the URL lacks something.
        LibraryError: OpenCV is missing.
    """

    def __init__(self, url: str, settings: Capture) -> None:
        scheme = url.partition(":")[0]
        expected = "tcp://host:port" if scheme == "tcp" else "udp://:port"
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError as error:
            raise SourceError(f"{url[:200]} is no URL ({error}), expected {expected}") from error
        if not port or (scheme == "tcp" and not host) or parts.path.strip("/") or parts.query:
            raise SourceError(f"{url[:200]} found, expected {expected}")
        self.name = f"{scheme}://{parts.netloc.rpartition('@')[2]}"
        self._cv2: Any = import_library("cv2")
        os.environ.setdefault(*FFMPEG_OPTIONS)
        self._scheme, self._host, self._port = scheme, host, port
        self._stall_s = settings.stall
        self._failure = ""

    def open(self, ended: threading.Event) -> Video | None:
        deadline_s = time.monotonic() + max(self._stall_s, OPENING_S) / 2  # FFmpeg may need the other half
        try:
            source = self._connect() if self._scheme == "tcp" else self._listen()
        except OSError as error:
            self._failure = f"can't {self._verb}: {_reason(error)}"
            return None
        try:
            is_jpeg = self._finds_jpeg(source, deadline_s, ended)
        except (OSError, DriverError) as error:
            source.close()
            self._failure = f"{self._problem}: {_reason(error)}"
            return None
        if is_jpeg:
            timeout_s = self._stall_s * TIMEOUT_SHARE
            return SocketVideo(source, PipedVideo(source.fileno(), JpegStream(), timeout_s=timeout_s, ended=ended))
        video = None if ended.is_set() else self._open_by_ffmpeg(source)
        if video is None:
            source.close()
            self._failure = "sends nothing that can be read as a video"
        return video

    def describe_failure(self) -> str:
        return self._failure

    @property
    def _verb(self) -> str:
        return "be reached" if self._scheme == "tcp" else f"listen at port {self._port}"

    @property
    def _problem(self) -> str:
        return "answers, but gives no pictures" if self._scheme == "tcp" else f"gives no pictures at port {self._port}"

    def _connect(self) -> socket.socket:
        connection = socket.create_connection((self._host, self._port), self._stall_s * TIMEOUT_SHARE)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def _listen(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_DGRAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
            if is_multicast(self._host):
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                group = socket.inet_aton(self._host) + socket.inet_aton("0.0.0.0")  # noqa: S104 - any interface
                listener.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
            listener.bind((self._host, self._port))
        except OSError:
            listener.close()
            raise
        return listener

    def _finds_jpeg(self, source: socket.socket, deadline_s: float, ended: threading.Event) -> bool:
        """Whether Motion JPEG comes. Of a TCP stream nothing is taken, of a UDP stream what precedes a picture."""
        poll = select.poll()
        poll.register(source, select.POLLIN)
        strange = 0
        while not ended.is_set() and strange < MAX_STRANGE_PACKETS:
            if time.monotonic() > deadline_s:
                if strange:
                    break
                raise DriverError("nothing came")
            if not poll.poll(CHECK_S * 1000):
                continue
            head = source.recv(LONGEST_PACKET, socket.MSG_PEEK)
            if self._scheme == "tcp":
                if not head:
                    raise DriverError("the connection was closed")
                if len(head) >= len(_JPEG):
                    return head.startswith(_JPEG)
                ended.wait(CHECK_S)
                continue
            if head.startswith(_JPEG) or _NEXT_JPEG in head:
                return True
            if head.startswith(_H264) or (len(head) % _TS_PACKET_BYTES == 0 and head[:1] == bytes([_TS_SYNC])):
                return False
            source.recv(LONGEST_PACKET)
            strange += 1
        return False

    def _open_by_ffmpeg(self, source: socket.socket) -> Video | None:
        cv2, stall_ms = self._cv2, int(self._stall_s * 1000)
        limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, stall_ms, cv2.CAP_PROP_READ_TIMEOUT_MSEC, stall_ms]
        if self._scheme == "udp":
            source.close()
            host = f"[{self._host}]" if ":" in self._host else self._host
            return open_video(f"udp://{host or '@'}:{self._port}", cv2.CAP_FFMPEG, limits)
        # The same connection: a program that serves one client ends with it. FFmpeg can't be called off a descriptor.
        source.settimeout(None)
        seconds, rest = divmod(self._stall_s * TIMEOUT_SHARE, 1)
        source.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", int(seconds), int(rest * 1e6)))
        video = open_video(f"pipe:{source.fileno()}", cv2.CAP_FFMPEG, limits)
        return None if video is None else SocketVideo(source, video)


class SocketVideo:
    """Pictures of a socket, which is closed with them."""

    def __init__(self, source: socket.socket, video: PipedVideo | OpenCvVideo) -> None:
        self._source = source
        self._video = video

    def read(self) -> Image | None:
        try:
            return self._video.read()
        except EOFError:
            raise DriverError("has closed the connection") from None
        except OSError as error:
            raise DriverError(f"is lost: {_reason(error)}") from None

    def release(self) -> None:
        if isinstance(self._video, OpenCvVideo):
            self._video.release()
        self._source.close()


def is_multicast(host: str) -> bool:
    """Whether a host is a group's IPv4 address."""
    try:
        return ipaddress.IPv4Address(host).is_multicast
    except ValueError:
        return False


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return getattr(error, "strerror", None) or str(error)
