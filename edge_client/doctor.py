"""Checks of everything that the client needs, each with what was found and what to do. Changes nothing.

``python -m edge_client doctor`` prints them; it must work where half of it is missing.
"""

import contextlib
import datetime
import email.utils
import importlib.metadata
import importlib.util
import platform
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
import urllib3
from urllib3.util import Timeout

from edge_client.capture.camera_list import advise_camera, list_cameras
from edge_client.capture.frames import SourceError
from edge_client.capture.live_source import LiveSource
from edge_client.capture.sources import check_whole, open_source
from edge_client.capture.stream_url import hide_password
from edge_client.events.status import STATUS_NAMES
from edge_client.recognition.local_model import LocalModel, apply_vocabulary
from edge_client.recognition.local_vocabulary import open_local_vocabulary
from edge_client.service.http_client import ServiceClient
from edge_client.service.replies import ServiceError
from edge_client.service.vocabulary_client import MISSING_HINT, is_vocabulary_missing, parse_address
from edge_client.settings import Settings, SettingsError
from landmarks.models.card import ModelError
from landmarks.recording import RecordingError
from landmarks.tracking.assets import HAND_LANDMARKER, AssetError, find_asset
from landmarks.tracking.vision_libraries import LibraryError

State = Literal["ok", "warn", "fail"]

CAMERA_SECONDS: Final = 6.0
CLOCK_LIMIT_S: Final = 5.0
HOT_CELSIUS: Final = 80.0
THERMAL: Final = Path("/sys/class/thermal/thermal_zone0/temp")
# Bits of the Raspberry Pi firmware's get_throttled: now, and since boot.
THROTTLED_NOW: Final = 0x7
THROTTLED_BEFORE: Final = 0x70000


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check: its name, how it went, what was found, and what to do when it isn't right."""

    name: str
    state: State
    found: str
    hint: str = ""

    def line(self) -> str:
        hint = f"\n           → {self.hint}" if self.hint else ""
        return f"{self.state.upper():4}  {self.name}: {self.found}{hint}"


def run_checks(settings: Settings) -> list[CheckResult]:
    """All checks, in the order in which they are best mended."""
    checks: list[Callable[[Settings], CheckResult]] = [
        check_python,
        check_packages,
        check_assets,
        check_source,
        check_service,
        check_clock,
        check_device_model,
        check_screen,
        check_broker,
        check_actions,
        check_temperature,
        check_throttling,
    ]
    return [run_check(check, settings) for check in checks]


def run_check(check: Callable[[Settings], CheckResult], settings: Settings) -> CheckResult:
    """One check's finding; a check that trips over what it finds is a finding too, and the others still run."""
    try:
        return check(settings)
    except Exception as error:
        name = check.__name__.removeprefix("check_").replace("_", " ")
        found = f"the check itself failed: {type(error).__name__}: {error}"
        return CheckResult(name, "fail", found, "please report this")


def check_python(_: Settings) -> CheckResult:
    """Python 3.11 or newer, on a 64-bit system."""
    found = f"Python {platform.python_version()}, {platform.machine()}"
    if sys.version_info < (3, 11) or sys.maxsize < 2**32:
        return CheckResult("system", "fail", found, "use a 64-bit system with Python 3.11, 3.12 or 3.13")
    return CheckResult("system", "ok", found)


def check_packages(_: Settings) -> CheckResult:
    """MediaPipe is installed, and exactly one OpenCV."""
    names = sorted({item.metadata["Name"] for item in importlib.metadata.distributions()})
    cv2_wheels = [name for name in names if name and name.lower().startswith("opencv-")]
    if importlib.util.find_spec("mediapipe") is None:
        return CheckResult("packages", "fail", "MediaPipe is missing", "pip install --no-deps mediapipe==1.2.2")
    if len(cv2_wheels) != 1:
        hint = "pip uninstall all of them, then pip install -r edge_client/requirements.txt"
        return CheckResult("packages", "fail", f"OpenCV is installed {len(cv2_wheels)} times: {cv2_wheels}", hint)
    return CheckResult("packages", "ok", f"mediapipe {importlib.metadata.version('mediapipe')}, {cv2_wheels[0]}")


def check_assets(_: Settings) -> CheckResult:
    """MediaPipe's hand model is there and is the right one."""
    try:
        return CheckResult("assets", "ok", str(find_asset(HAND_LANDMARKER)))
    except AssetError as error:
        return CheckResult("assets", "fail", str(error), "python -m edge_client assets")


def check_source(settings: Settings) -> CheckResult:
    """The camera or other source gives frames."""
    name = hide_password(settings.capture.source)
    try:
        source = open_source(settings.capture)
    except LibraryError as error:
        return CheckResult("camera", "fail", str(error), "pip install -r edge_client/requirements.txt")
    except (SourceError, RecordingError) as error:
        return CheckResult("camera", "fail", str(error), advise_camera(settings.capture.source, list_cameras()[0]))
    frames, size = 0, ""
    # A source that gives nothing keeps its iterator waiting: closing it from a timer ends that.
    timer = threading.Timer(CAMERA_SECONDS, source.close)
    timer.start()
    started = time.monotonic()
    for frame in source.frames():
        frames += 1
        size = f" of {frame.image.shape[1]} × {frame.image.shape[0]}" if frame.image is not None else ""
        if frames >= 30 or not timer.is_alive():
            break
    took_s = time.monotonic() - started
    timer.cancel()
    source.close()
    if frames == 0:
        reason = f": it {source.problem}" if isinstance(source, LiveSource) and source.problem else ""
        found = f"{name} gave no frame in {CAMERA_SECONDS:.0f} s{reason}"
        return CheckResult("camera", "fail", found, advise_camera(settings.capture.source, list_cameras()[0]))
    try:
        check_whole(source)
    except SourceError as error:
        return CheckResult("camera", "warn", str(error), "record or copy it again")
    return CheckResult("camera", "ok", f"{name}: {frames} frames{size} in {took_s:.1f} s")


def check_service(settings: Settings) -> CheckResult:
    """The service answers, knows our key, and predicts."""
    try:
        with contextlib.closing(ServiceClient(settings.cloud)) as client:
            metadata = client.get_metadata()
            window = np.zeros((metadata.min_seq_len, metadata.feature_dim), dtype=np.float32)
            started = time.perf_counter()
            client.predict(window)
            took_ms = (time.perf_counter() - started) * 1e3
    except ServiceError as error:
        hint = "start the service, or set HELEN_CLOUD_API_URL to where it is"
        if error.status in (401, 403):
            hint = "set HELEN_API_KEY to a key that the service knows"
        if is_vocabulary_missing(error):
            found = f"the service has no vocabulary {parse_address(settings.cloud.url).vocabulary}"
            return CheckResult("service", "fail", found, MISSING_HINT)
        return CheckResult("service", "fail", str(error), hint)
    found = f"{settings.cloud.url}: model version {metadata.version}, {took_ms:.0f} ms for a prediction"
    return CheckResult("service", "ok", found)


def check_clock(settings: Settings) -> CheckResult:
    """This machine's clock agrees with the service's, so that timestamps mean something."""
    date = None
    with contextlib.closing(ServiceClient(settings.cloud)) as client, contextlib.suppress(ServiceError):
        date = client.get_server_date(timeout=3.0)
    return compare_clocks(date, datetime.datetime.now(datetime.UTC))


def compare_clocks(date: str | None, now: datetime.datetime) -> CheckResult:
    """This machine's time against a service's ``Date`` header."""
    try:
        off_s = (now - email.utils.parsedate_to_datetime(date or "")).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return CheckResult("clock", "warn", "not compared: the service gave no time", "see `timedatectl`")
    if abs(off_s) > CLOCK_LIMIT_S:
        return CheckResult("clock", "fail", f"{off_s:+.0f} s from the service's", "sudo timedatectl set-ntp true")
    return CheckResult("clock", "ok", f"within {max(abs(off_s), 1):.0f} s of the service's")


def check_device_model(settings: Settings) -> CheckResult:
    """The model on this machine loads, with the vocabulary where there is one, and has the service's labels."""
    if not settings.device.model:
        hint = "without one there are no answers while the service is away"
        return CheckResult("device model", "warn", "none set", hint)
    try:
        model = LocalModel.open(Path(settings.device.model))
    except ModelError as error:
        return CheckResult("device model", "fail", str(error), "copy the service's models/gesture folder here")
    vocabulary = open_local_vocabulary(settings)
    own = vocabulary.read() if vocabulary else None
    if vocabulary is not None and own is None:
        found, hint = f"no copy of the vocabulary {vocabulary.name}", "python -m edge_client gestures fetches it"
        return CheckResult("device model", "fail", f"{found}: no answers while the service is away", hint)
    if own is not None:
        model = apply_vocabulary(model, own)
    with contextlib.closing(ServiceClient(settings.cloud)) as client:
        metadata = client.get_model_metadata(timeout=3.0)
    found = f"version {model.version}, {len(model.labels)} labels"
    if metadata is not None and tuple(metadata["class_labels"]) != model.labels:
        return CheckResult("device model", "fail", f"{found}, not the service's", "copy the service's version here")
    return CheckResult("device model", "ok", found)


def check_screen(settings: Settings) -> CheckResult:
    """Something listens where events are published."""
    origin = settings.publish.origin
    try:
        answer = urllib3.request("GET", f"{origin}/health", timeout=Timeout(2.0), retries=False, redirect=False)
    except (urllib3.exceptions.HTTPError, OSError):
        hint = "python -m edge_client ui, or run --ui"
        return CheckResult("screen", "warn", f"nothing listens at {origin}", hint)
    return CheckResult("screen", "ok", f"{origin} answers {answer.status}")


def check_broker(settings: Settings) -> CheckResult:
    """The MQTT broker takes us, where one is set."""
    if not settings.mqtt.host:
        return CheckResult("MQTT broker", "ok", "none set")
    where = f"{settings.mqtt.host}:{settings.mqtt.port}"
    try:
        from edge_client.events.broker import try_broker

        reason = try_broker(settings.mqtt)
    except ModuleNotFoundError as error:
        return CheckResult("MQTT broker", "fail", str(error), "pip install -r edge_client/requirements.txt")
    except SettingsError as error:
        return CheckResult("MQTT broker", "fail", str(error), "see the [mqtt] table of the settings")
    if reason:
        hint = "start it or set mqtt.host and mqtt.port; mqtt.user and HELEN_MQTT_PASSWORD where it wants a user"
        return CheckResult("MQTT broker", "fail", f"{where}: {reason}", hint)
    return CheckResult("MQTT broker", "ok", f"{where}, topics below {settings.mqtt.prefix}/")


def check_actions(settings: Settings) -> CheckResult:
    """The programs of the actions are there, and the service knows the gestures that they wait for."""
    rules = settings.actions.rules
    if not rules:
        return CheckResult("actions", "ok", "none set")
    programs = {rule.command[0] for rule in rules if rule.command}
    missing = sorted(program for program in programs if shutil.which(program) is None)
    if missing:
        hint = "install it, or name its whole path in actions.rules"
        return CheckResult("actions", "fail", f"no program {', '.join(missing)}", hint)
    with contextlib.closing(ServiceClient(settings.cloud)) as client:
        metadata = client.get_model_metadata(timeout=3.0)
    known = None if metadata is None else {*metadata["class_labels"], *STATUS_NAMES}
    unknown = sorted({name for rule in rules for name in rule.when if known is not None and name not in known})
    if unknown:
        hint = f"the service knows {', '.join(sorted(known or ()))}"
        return CheckResult("actions", "warn", f"no gesture {', '.join(unknown)}", hint)
    return CheckResult(
        "actions", "ok", f"rules for {', '.join(sorted({name for rule in rules for name in rule.when}))}"
    )


def check_temperature(_: Settings) -> CheckResult:
    """The processor isn't about to slow itself down."""
    try:
        celsius = int(THERMAL.read_text()) / 1000
    except (OSError, ValueError):
        return CheckResult("temperature", "warn", "this machine doesn't tell")
    if celsius >= HOT_CELSIUS:
        return CheckResult("temperature", "fail", f"{celsius:.0f} °C", "fit a fan: it slows down when this hot")
    return CheckResult("temperature", "ok", f"{celsius:.0f} °C")


def check_throttling(_: Settings) -> CheckResult:
    """The power supply is strong enough; only a Raspberry Pi's firmware tells."""
    program = shutil.which("vcgencmd")
    if program is None:
        return CheckResult("power", "warn", "this machine doesn't tell (no vcgencmd)")
    done = subprocess.run([program, "get_throttled"], capture_output=True, text=True, timeout=5, check=False)  # noqa: S603
    return read_throttled(done.stdout)


def read_throttled(text: str) -> CheckResult:
    """What ``vcgencmd get_throttled`` says, as ``throttled=0x50005``."""
    try:
        bits = int(text.strip().partition("=")[2], 16)
    except ValueError:
        return CheckResult("power", "warn", f"vcgencmd said {text.strip()!r}")
    if bits & THROTTLED_NOW:
        return CheckResult("power", "fail", f"slowed down now ({bits:#x})", "use the 27 W supply and cool the board")
    if bits & THROTTLED_BEFORE:
        return CheckResult("power", "warn", f"was slowed down since it started ({bits:#x})", "use the 27 W supply")
    return CheckResult("power", "ok", "never slowed down")
