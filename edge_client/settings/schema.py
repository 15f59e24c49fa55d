"""Everything that can be set, with its default, its limits and its reason, in one place.

The commented TOML file and the flags' help are made from these classes (``settings_file.py``, ``cli.py``).
"""

import string
from typing import Annotated, Any, Final, Literal
from urllib.parse import SplitResult, urlsplit

import msgspec
from msgspec import Meta

LONGEST_SHOWN: Final = 60

ENVIRONMENT: Final = {
    "HELEN_CLOUD_API_URL": "cloud.url",
    "HELEN_CLOUD_TIMEOUT": "cloud.timeout",
    "HELEN_CLOUD_RETRIES": "cloud.retries",
    "HELEN_CLOUD_METADATA_TTL": "cloud.metadata_ttl",
    "HELEN_CLOUD_ENCODING": "cloud.encoding",
    "HELEN_CLOUD_TRANSPORT": "cloud.transport",
    "HELEN_CLOUD_CA_FILE": "cloud.ca_file",
    "HELEN_API_KEY": "cloud.api_key",
    "HELEN_BACKEND_GESTURE_URL": "publish.url",
    "HELEN_VOCABULARIES_DIR": "device.vocabularies",
}

HOST_NAME_CHARACTERS: Final = frozenset(string.ascii_letters + string.digits + "-._")
# What the client adds to the base URL by itself.
SERVICE_ROUTES: Final = ("/predict", "/metadata", "/health", "/stream", "/analyze", "/v2")

NonEmpty = Annotated[str, Meta(min_length=1)]
Share = Annotated[float, Meta(ge=0, le=1)]
Seconds = Annotated[float, Meta(gt=0, le=3600)]


def check_url(path: str, url: str) -> SplitResult:
    """The parts of an HTTP URL, checked: a host, a port where it names one, and nobody's password.

    Raises:
        ValueError: it can't be asked; a password is never quoted.
    """
    expected = "expected one as http://host:port/path"
    try:
        parts = urlsplit(url)
        if not parts.hostname:
            raise ValueError("it names no host")
        if parts.port == 0:
            raise ValueError("port 0")
    except ValueError as error:
        raise ValueError(f"{path} is no URL that can be asked ({error}), {expected}") from error
    if parts.username is not None or parts.password is not None:
        raise ValueError(f"{path} has a user or a password, expected neither: keys go into HELEN_API_KEY")
    if parts.scheme not in ("http", "https") or not url.isprintable() or " " in url:
        raise ValueError(f"{path} is {url[:LONGEST_SHOWN]!r}, {expected}")
    return parts


def doc(description: str, **limits: Any) -> Meta:
    """What a setting does, as its flag and the settings file say, and its limits."""
    return Meta(description=description, **limits)


class Capture(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where frames come from."""

    source: Annotated[
        NonEmpty, doc("camera index, /dev/video*, /dev/v4l/by-id/*, RTSP or HTTP URL, video, or recording (.npz)")
    ] = "0"
    width: Annotated[int, doc("pixels asked of a camera", ge=160, le=4096)] = 640
    height: Annotated[int, doc("pixels asked of a camera", ge=120, le=2160)] = 480
    fps: Annotated[float, doc("frames a second asked of a camera", gt=0, le=240)] = 30.0
    stall: Annotated[Seconds, doc("seconds without a frame after which a live source is opened again")] = 5.0


class Tracking(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From hands seen to hands that keep their side."""

    confidence: Annotated[Share, doc("MediaPipe's detection, presence and tracking confidence")] = 0.5
    smoothing: Annotated[float, doc("weight of the past in the EMA of points; 0 is none", ge=0, lt=1)] = 0.35
    lost_frames: Annotated[
        int, doc("frames without a hand after which it is forgotten and found afresh", ge=1, le=300)
    ] = 8
    stride: Annotated[int, doc("frames from one window to the next; 2 is 15 a second", ge=1, le=30)] = 2


class Thresholds(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a gesture happened. ``_on`` opens, ``_off`` closes: in between, what was stays.

    ``temperature`` makes the thresholds fit the model: one that was trained with label smoothing, as the bundled one,
    rarely says more than 0.95 however sure it is. A benchmark of whole signs measures what a value brings.
    """

    presence_on: Annotated[Share, doc("share of the window's frames with a hand, to begin")] = 0.85
    presence_off: Annotated[Share, doc("... below which there is no hand")] = 0.70
    probability_on: Annotated[Share, doc("mean probability of the best label, to begin")] = 0.95
    probability_off: Annotated[Share, doc("... below which the gesture has ended")] = 0.75
    margin_on: Annotated[Share, doc("best minus second probability, to begin")] = 0.40
    margin_off: Annotated[Share, doc("... below which the gesture has ended")] = 0.18
    entropy_on: Annotated[float, doc("entropy in nats, to begin at most", ge=0, le=20)] = 1.70
    entropy_off: Annotated[float, doc("... above which the gesture has ended", ge=0, le=20)] = 1.95
    motion_on: Annotated[Share, doc("fastest frame of the window, in image widths a 1/30 s, to begin")] = 0.015
    motion_off: Annotated[Share, doc("... below which the hand rests")] = 0.005
    area_on: Annotated[Share, doc("area of MediaPipe's crops of the hands in view, share of the image, to begin")] = (
        0.040
    )
    area_off: Annotated[Share, doc("... below which the hand is too far away")] = 0.025
    temperature: Annotated[
        float, doc("temperature of an output before the thresholds; below 1 it gets surer", ge=0.1, le=100)
    ] = 0.714
    mean_of: Annotated[int, doc("outputs in the mean", ge=1, le=100)] = 7
    votes: Annotated[int, doc("outputs in a row that must name the same label", ge=1, le=100)] = 4
    early: Annotated[Share, doc("mean probability from which fewer votes are needed")] = 0.995
    early_votes: Annotated[int, doc("outputs in a row that must name its label then", ge=1, le=100)] = 3
    cooldown: Annotated[float, doc("seconds from one event to the next", ge=0, le=60)] = 1.0
    rest_labels: Annotated[tuple[str, ...], doc("labels that mean no gesture: they never make an event")] = ("none",)

    def __post_init__(self) -> None:
        for name in ("presence", "probability", "margin", "motion", "area"):
            _check_order(name, getattr(self, f"{name}_off"), getattr(self, f"{name}_on"), "_off at most _on")
        _check_order("entropy", self.entropy_on, self.entropy_off, "_on at most _off")


class Cloud(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The service that recognises."""

    url: Annotated[str, doc("base URL of the service, with the path that its routes begin with, if there is one")] = (
        "http://127.0.0.1:8000"
    )
    timeout: Annotated[Seconds, doc("seconds a request")] = 5.0
    retries: Annotated[int, doc("retries on temporary faults", ge=0, le=10)] = 2
    metadata_ttl: Annotated[float, doc("seconds the model's metadata is cached", ge=0, le=1e9)] = 300.0
    encoding: Annotated[
        Literal["fp16", "json"], doc("how a window is sent: fp16 is 5 KB where the service takes it, json 25 KB")
    ] = "fp16"
    transport: Annotated[
        Literal["http", "stream"],
        doc("how live windows go there: a request each, or their new frames alone over one WebSocket"),
    ] = "http"
    ca_file: Annotated[
        str, doc("PEM file of the authority that signed the service's certificate; empty: the system's")
    ] = ""
    api_key: Annotated[str, doc("sent as X-API-Key; better set by HELEN_API_KEY than here")] = ""

    def __post_init__(self) -> None:
        parts = check_url("cloud.url", self.url)
        if parts.query or parts.fragment:
            raise ValueError(f"cloud.url is {self.url!r}, expected no query and no fragment ({self.base_url})")
        route = next((route for route in SERVICE_ROUTES if self.base_url.endswith(route)), None)
        if route:
            base = self.base_url.removesuffix(route)
            raise ValueError(f"cloud.url ends in {route}, expected the service's base URL ({base})")
        if self.api_key and not (self.api_key.isascii() and self.api_key.isprintable()):
            raise ValueError("cloud.api_key has a letter that no header can carry, expected printable ASCII")

    @property
    def base_url(self) -> str:
        """``url`` without what a route can't be put behind."""
        return self.url.partition("?")[0].partition("#")[0].rstrip("/")


class Device(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The same model on this machine, for when the service is away."""

    model: Annotated[str, doc("folder with model.onnx and card.json, or of its versions; empty: none")] = (
        "models/gesture"
    )
    vocabularies: Annotated[NonEmpty, doc("folder of the vocabularies that `teach` makes, one file each")] = (
        "vocabularies"
    )
    answer_after: Annotated[
        Seconds, doc("seconds a request may be under way before this machine answers the windows after it")
    ] = 0.3
    failures: Annotated[int, doc("failures in a row that open the circuit breaker", ge=1, le=100)] = 3
    probe_every: Annotated[Seconds, doc("seconds between two attempts while it is open")] = 1.0


class Publish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where events go."""

    url: Annotated[str, doc("takes each event as a POST of JSON")] = "http://127.0.0.1:5000/gestures/gesture-key"
    timeout: Annotated[Seconds, doc("seconds a request")] = 1.5
    queue: Annotated[int, doc("events that wait; beyond it the oldest is dropped", ge=1, le=1000)] = 4
    keys: Annotated[dict[str, str], doc("what an event's key says for a label, where it isn't the label itself")] = (
        msgspec.field(default_factory=dict)
    )

    def __post_init__(self) -> None:
        check_url("publish.url", self.url)


class Screen(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The local screen."""

    host: Annotated[str, doc("address to listen on; 0.0.0.0 shows it to the local network")] = "127.0.0.1"
    port: Annotated[int, doc("port to listen on", ge=1, le=65535)] = 5000
    hosts: Annotated[tuple[str, ...], doc("names by which browsers may call it, besides this machine's own")] = ()
    rate: Annotated[float, doc("pictures of the hands a second", gt=0, le=60)] = 15.0

    def __post_init__(self) -> None:
        for name in self.hosts:
            if not name or not set(name) <= HOST_NAME_CHARACTERS:
                raise ValueError(f"hosts has {name!r}, expected a name alone, such as raspberrypi.lan")


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All groups, each a table of the TOML file."""

    capture: Capture = Capture()
    tracking: Tracking = Tracking()
    trigger: Thresholds = msgspec.field(default_factory=Thresholds)
    cloud: Cloud = Cloud()
    device: Device = Device()
    publish: Publish = msgspec.field(default_factory=Publish)
    screen: Screen = Screen()


def _check_order(name: str, low: float, high: float, expected: str) -> None:
    if low > high:
        raise ValueError(f"{name} has its thresholds crossed: found {low} and {high}, expected {expected}")
