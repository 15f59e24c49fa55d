"""Everything that can be set, with its default, its limits and its reason, in one place.

The commented TOML file and the flags' help are made from these classes (``settings_file.py``, ``cli.py``).
"""

from typing import Final, Literal, Self
from urllib.parse import urljoin

from pydantic import Field, model_validator

from edge_client.settings.group import Group
from edge_client.settings.home import Actions, Mqtt
from edge_client.settings.values import (
    BaseUrl,
    HeaderText,
    HostNames,
    Labels,
    Pairs,
    Region,
    Rotation,
    Seconds,
    Share,
    SourceName,
    Url,
)

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
    "HELEN_MQTT_HOST": "mqtt.host",
    "HELEN_MQTT_USER": "mqtt.user",
    "HELEN_MQTT_PASSWORD": "mqtt.password",
}


class Capture(Group):
    """Where frames come from."""

    source: SourceName = Field(
        default="0",
        description="rpicam, camera index, /dev/v4l/by-id/*, rtsp, http, tcp or udp URL, - (Motion JPEG on standard "
        "input), video, or recording (.npz)",
    )
    width: int = Field(default=640, description="pixels asked of a camera", ge=160, le=4096)
    height: int = Field(default=480, description="pixels asked of a camera", ge=120, le=2160)
    fps: float = Field(default=30.0, description="frames a second asked of a camera", gt=0, le=240)
    stall: Seconds = Field(default=5.0, description="seconds without a frame after which a live source is opened again")
    codec: Literal["mjpeg", "yuv420"] = Field(
        default="mjpeg", description="what rpicam gives; yuv420 saves coding, and wants a width that 64 divides"
    )
    rotate: Rotation = Field(default=0, description="degrees that pictures are turned clockwise: 0, 90, 180 or 270")
    mirror: bool = Field(default=False, description="true where pictures come mirrored: they are mirrored back")
    roi: Region = Field(
        default=(0.0, 0.0, 1.0, 1.0),
        description="the part that is looked at: x, y, width, height, in shares of the picture",
    )


class Tracking(Group):
    """From hands seen to hands that keep their side."""

    confidence: Share = Field(default=0.5, description="MediaPipe's detection, presence and tracking confidence")
    smoothing: float = Field(default=0.35, description="weight of the past in the EMA of points; 0 is none", ge=0, lt=1)
    lost_frames: int = Field(
        default=8, description="frames without a hand after which it is forgotten and found afresh", ge=1, le=300
    )
    stride: int = Field(default=2, description="frames from one window to the next; 2 is 15 a second", ge=1, le=30)


class Thresholds(Group):
    """When a gesture happened. ``_on`` opens, ``_off`` closes: in between, what was stays.

    ``temperature`` makes the thresholds fit the model: one that was trained with label smoothing, as the bundled one,
    rarely says more than 0.95 however sure it is. A benchmark of whole signs measures what a value brings.
    """

    presence_on: Share = Field(default=0.85, description="share of the window's frames with a hand, to begin")
    presence_off: Share = Field(default=0.70, description="... below which there is no hand")
    probability_on: Share = Field(default=0.95, description="mean probability of the best label, to begin")
    probability_off: Share = Field(default=0.75, description="... below which the gesture has ended")
    margin_on: Share = Field(default=0.40, description="best minus second probability, to begin")
    margin_off: Share = Field(default=0.18, description="... below which the gesture has ended")
    entropy_on: float = Field(default=1.70, description="entropy in nats, to begin at most", ge=0, le=20)
    entropy_off: float = Field(default=1.95, description="... above which the gesture has ended", ge=0, le=20)
    motion_on: Share = Field(
        default=0.015, description="fastest frame of the window, in image widths a 1/30 s, to begin"
    )
    motion_off: Share = Field(default=0.005, description="... below which the hand rests")
    area_on: Share = Field(
        default=0.040, description="area of MediaPipe's crops of the hands in view, share of the image, to begin"
    )
    area_off: Share = Field(default=0.025, description="... below which the hand is too far away")
    temperature: float = Field(
        default=0.714,
        description="temperature of an output before the thresholds; below 1 it gets surer",
        ge=0.1,
        le=100,
    )
    mean_of: int = Field(default=7, description="outputs in the mean", ge=1, le=100)
    votes: int = Field(default=4, description="outputs in a row that must name the same label", ge=1, le=100)
    early: Share = Field(default=0.995, description="mean probability from which fewer votes are needed")
    early_votes: int = Field(default=3, description="outputs in a row that must name its label then", ge=1, le=100)
    cooldown: float = Field(default=1.0, description="seconds from one event to the next", ge=0, le=60)
    rest_labels: Labels = Field(default=("none",), description="labels that mean no gesture: they never make an event")

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        pairs = [(f"{name}_off", f"{name}_on") for name in ("presence", "probability", "margin", "motion", "area")]
        for lower, upper in (*pairs, ("entropy_on", "entropy_off")):
            low, high = getattr(self, lower), getattr(self, upper)
            if low > high:
                raise ValueError(f"has {lower} {low} and {upper} {high}, expected {lower} at most {upper}")
        return self


class Cloud(Group):
    """The service that recognises."""

    url: BaseUrl = Field(
        default="http://127.0.0.1:8000",
        description="base URL of the service, with the path that its routes begin with, if there is one",
    )
    timeout: Seconds = Field(default=5.0, description="seconds a request")
    retries: int = Field(default=2, description="retries on temporary faults", ge=0, le=10)
    metadata_ttl: float = Field(default=300.0, description="seconds the model's metadata is cached", ge=0, le=1e9)
    encoding: Literal["fp16", "json"] = Field(
        default="fp16", description="how a window is sent: fp16 is 5 KB where the service takes it, json 25 KB"
    )
    transport: Literal["http", "stream"] = Field(
        default="http",
        description="how live windows go there: a request each, or their new frames alone over one WebSocket",
    )
    ca_file: str = Field(
        default="", description="PEM file of the authority that signed the service's certificate; empty: the system's"
    )
    api_key: HeaderText = Field(
        default="", description="sent as X-API-Key; better set by HELEN_API_KEY than here", repr=False
    )


class Device(Group):
    """The same model on this machine, for when the service is away."""

    model: str = Field(
        default="models/gesture", description="folder with model.onnx and card.json, or of its versions; empty: none"
    )
    vocabularies: str = Field(
        default="vocabularies", description="folder of the vocabularies that `teach` makes, one file each", min_length=1
    )
    answer_after: Seconds = Field(
        default=0.3, description="seconds a request may be under way before this machine answers the windows after it"
    )
    failures: int = Field(default=3, description="failures in a row that open the circuit breaker", ge=1, le=100)
    probe_every: Seconds = Field(default=1.0, description="seconds between two attempts while it is open")


class Publish(Group):
    """Where events go."""

    url: Url = Field(
        default="http://127.0.0.1:5000/gestures/gesture-key", description="takes each event as a POST of JSON"
    )
    timeout: Seconds = Field(default=1.5, description="seconds a request")
    queue: int = Field(default=4, description="events that wait; beyond it the oldest is dropped", ge=1, le=1000)
    keys: Pairs = Field(default={}, description="what an event's key says for a label, where it isn't the label itself")

    @property
    def origin(self) -> str:
        """The scheme, host and port of ``url``: where a local screen may be."""
        return urljoin(self.url, "/").rstrip("/")


class Screen(Group):
    """The local screen."""

    host: str = Field(default="127.0.0.1", description="address to listen on; 0.0.0.0 shows it to the local network")
    port: int = Field(default=5000, description="port to listen on", ge=1, le=65535)
    hosts: HostNames = Field(default=(), description="names by which browsers may call it, besides this machine's own")
    rate: float = Field(default=15.0, description="pictures of the hands a second", gt=0, le=60)


class Settings(Group):
    """All groups."""

    capture: Capture = Capture()
    tracking: Tracking = Tracking()
    trigger: Thresholds = Thresholds()
    cloud: Cloud = Cloud()
    device: Device = Device()
    publish: Publish = Publish()
    screen: Screen = Screen()
    mqtt: Mqtt = Mqtt()
    actions: Actions = Actions()
