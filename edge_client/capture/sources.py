"""Which source a name means: a camera, a stream, a video file, or a recording of landmarks.

A live source (camera, URL) gives the newest frame and opens itself again; a file gives every frame, at its own pace.
Times are seconds of the monotonic clock at which the frame was there. Nothing here looks into a picture.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from edge_client.capture.camera import Camera
from edge_client.capture.frames import Frame, Source, SourceError
from edge_client.capture.live_source import LiveSource
from edge_client.capture.picture_transform import PictureTransform
from edge_client.capture.piped.rpicam import SOURCE, PiCamera, parse_camera, turned_by_camera
from edge_client.capture.piped.sockets import SCHEMES, SocketStream
from edge_client.capture.piped.stdin import StandardInput
from edge_client.capture.recording import RecordingSource
from edge_client.capture.stream_url import URL_SCHEMES, UrlStream
from edge_client.capture.video_file import VideoSource
from edge_client.settings import Capture
from landmarks.recording import read_recording

INDEX_DIGITS: Final = 3


def open_source(settings: Capture) -> Source:
    """The source that ``settings.source`` names.

    Raises:
        SourceError: a file that is missing or can't be read. A camera or stream that is away is retried instead.
        RecordingError: a recording that can't be read.
        LibraryError: OpenCV, which all but recordings need, is missing.
    """
    name, transform = settings.source, PictureTransform(settings)
    if (pi_camera := parse_camera(name)) is not None:
        return LiveSource(PiCamera(pi_camera, settings), settings, PictureTransform(turned_by_camera(settings)))
    if name == "-":
        return LiveSource(StandardInput(settings), settings, transform)
    if name.isascii() and name.isdecimal() and len(name) <= INDEX_DIGITS:
        return LiveSource(Camera(int(name), settings), settings, transform)
    scheme, separator, rest = name.partition("://")
    if separator and scheme.lower() in URL_SCHEMES:
        return LiveSource(UrlStream(f"{scheme.lower()}://{rest}", settings), settings, transform)
    if separator and scheme.lower() in SCHEMES:
        return LiveSource(SocketStream(f"{scheme.lower()}://{rest}", settings), settings, transform)
    if separator:
        *schemes, last = (f"{known}://" for known in (*URL_SCHEMES, *SCHEMES))
        raise SourceError(f"{scheme[:60]}:// found, expected {', '.join(schemes)} or {last}, or no URL")
    path = Path(name)
    try:
        # A camera that is away now comes back under its name.
        if name.startswith("/dev/") or path.is_char_device():
            return LiveSource(Camera(name, settings), settings, transform)
        if path.is_dir():
            raise SourceError(f"{name} is a folder, expected a video file or a recording (.npz)")
        if not path.is_file():
            raise SourceError(
                f"{name} is no camera index, no /dev/ device, no URL, not {SOURCE}, and no file that exists"
            )
    except OSError as error:
        raise SourceError(f"{name} can't be read: {error.strerror or error}") from error
    if path.suffix.lower() == ".npz":
        return RecordingSource(read_recording(path))
    return VideoSource(path, transform)


def check_whole(source: Source) -> None:
    """After a source's last frame, check that a file gave all that it promised.

    Raises:
        SourceError: it is cut off or damaged, or gave nothing at all.
    """
    if isinstance(source, VideoSource | LiveSource) and source.damage:
        raise SourceError(source.damage)


def open_frames(source: Source, on_quiet: Callable[[], object] = lambda: None) -> Iterator[Frame]:
    """A source's frames in real time: a file at its own pace, a camera as it comes.

    ``on_quiet`` is called about once a second while a camera gives none.
    """
    return source.frames(on_quiet) if isinstance(source, LiveSource) else throttle_to_realtime(source.frames())


def throttle_to_realtime(frames: Iterator[Frame], sleep: Callable[[float], object] = time.sleep) -> Iterator[Frame]:
    """Give each frame no earlier than its time, as a camera would."""
    for frame in frames:
        wait = frame.time_s - time.monotonic()
        if wait > 0:
            sleep(wait)
        yield frame
