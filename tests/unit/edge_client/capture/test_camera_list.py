"""Which cameras there are: the Pi's own as its program lists them, V4L2 by id and by index, gaps and all."""

import errno
import fcntl
import os
import struct
import time
from pathlib import Path
from typing import Any

import pytest

from edge_client.capture import camera_list
from edge_client.capture.camera_list import (
    FoundCamera,
    V4l2Device,
    advise_camera,
    ask_in_time,
    choose_camera,
    describe_cameras,
    list_cameras,
    list_pi_cameras,
    list_v4l2_cameras,
    parse_pi_cameras,
    query_device,
)
from edge_client.cli import main
from testkit.edge.rpicam import LISTED, NONE_LISTED, install_rpicam

PI_CAMERAS = [
    FoundCamera("rpicam", "imx708_wide, the Pi's own", 4608, 2592),
    FoundCamera("rpicam:1", "ov5647, the Pi's own", 2592, 1944),
]
USB = V4l2Device("uvcvideo", "C270 HD WEBCAM", True, 1280, 720)
METADATA = V4l2Device("uvcvideo", "C270 HD WEBCAM", False)


class Machine:
    """Folders as Linux has them for V4L2 devices, and what each device says."""

    def __init__(self, folder: Path) -> None:
        self.system, self.devices = folder / "sys", folder / "dev"
        (self.devices / "v4l" / "by-id").mkdir(parents=True)
        self.system.mkdir()
        self.says: dict[str, V4l2Device | OSError] = {}

    def plug_in(self, index: int, says: V4l2Device | OSError, by_id: str = "") -> None:
        (self.system / f"video{index}").mkdir()
        (self.system / f"video{index}" / "name").write_text(f"camera {index}\n")
        (self.devices / f"video{index}").touch()
        if by_id:
            (self.devices / "v4l" / "by-id" / by_id).symlink_to(f"../../video{index}")
        self.says[f"video{index}"] = says

    def query(self, path: Path) -> V4l2Device:
        says = self.says[path.name]
        if isinstance(says, OSError):
            raise says
        return says

    def list(self) -> tuple[list[FoundCamera], bool]:
        return list_v4l2_cameras(self.system, self.devices, self.query)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.mark.parametrize(
    ("text", "cameras"), [(LISTED, PI_CAMERAS), (NONE_LISTED, []), ("", []), ("ERROR: *** no ***", [])]
)
def test_what_the_program_lists_is_read(text: str, cameras: list[FoundCamera]) -> None:
    assert parse_pi_cameras(text) == cameras


def test_the_program_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("cv2", reason="OpenCV is not installed here: see edge_client/README.md")
    install_rpicam(tmp_path)
    assert list_pi_cameras(str(tmp_path / "rpicam-vid")) == (PI_CAMERAS, "")
    install_rpicam(tmp_path, listed_after_s=30)
    monkeypatch.setattr(camera_list, "LISTING_S", 0.3)
    _, problem = list_pi_cameras(str(tmp_path / "rpicam-vid"))
    assert problem == f"{tmp_path}/rpicam-vid --list-cameras did not answer in 0.3 s"
    assert list_pi_cameras(str(tmp_path)) == ([], f"{tmp_path} can't be started: Permission denied")


def test_v4l2_cameras_have_their_ids_and_indexes_have_gaps(machine: Machine) -> None:
    machine.plug_in(0, USB, "usb-046d_C270-video-index0")
    machine.plug_in(1, METADATA, "usb-046d_C270-video-index1")
    machine.plug_in(4, V4l2Device("uvcvideo", "Grabber", True, 640, 480))
    machine.plug_in(12, V4l2Device("loopback", "Dummy", True))
    cameras, has_pi_camera = machine.list()
    assert cameras == [
        FoundCamera(f"{machine.devices}/v4l/by-id/usb-046d_C270-video-index0", "C270 HD WEBCAM (index 0)", 1280, 720),
        FoundCamera("4", "Grabber", 640, 480),
        FoundCamera("12", "Dummy"),
    ]
    assert not has_pi_camera


def test_the_parts_of_a_pis_own_camera_are_no_v4l2_cameras(machine: Machine) -> None:
    machine.plug_in(0, V4l2Device("rp1-cfe", "rp1-cfe", True, 640, 480))
    machine.plug_in(20, V4l2Device("pispbe", "pispbe", True, 640, 480))
    assert machine.list() == ([], True)


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (PermissionError(errno.EACCES, "Permission denied"), "may not be opened by this user: sudo usermod -aG video"),
        (OSError(errno.EBUSY, "Device or resource busy"), "can't be opened: Device or resource busy"),
    ],
)
def test_a_camera_that_cannot_be_asked_is_listed_with_the_reason(
    machine: Machine, error: OSError, problem: str
) -> None:
    machine.plug_in(2, error)
    ((camera,), _) = machine.list()
    assert (camera.source, camera.name) == ("2", "camera 2")
    assert camera.problem.startswith(problem)
    assert choose_camera([camera, *PI_CAMERAS]) == PI_CAMERAS[0]


def test_a_driver_that_hangs_is_left_alone() -> None:
    started = time.monotonic()
    with pytest.raises(TimeoutError, match="its driver does not answer"):
        ask_in_time(lambda: time.sleep(3) or USB, timeout_s=0.1)  # type: ignore[func-returns-value]
    assert time.monotonic() - started < 2


def test_the_kernels_answers_are_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "video0").touch()
    asked = []

    def ioctl(descriptor: int, request: int, argument: bytes) -> bytes:
        asked.append((request, len(argument)))
        if request == 0x80685600:
            names = b"uvcvideo".ljust(16, b"\0") + b"C270 HD WEBCAM".ljust(32, b"\0") + b"usb-1".ljust(32, b"\0")
            return names + struct.pack("6I", 0x060000, 0x84A00001, 0x04200001, 0, 0, 0)
        kind, fields = struct.unpack_from("I", argument)[0], bytearray(argument)
        assert kind == 1, "of the kind that captures"
        struct.pack_into("II", fields, 8, 1280, 720)
        return bytes(fields)

    monkeypatch.setattr(fcntl, "ioctl", ioctl)
    assert query_device(tmp_path / "video0") == USB
    assert asked == [(0x80685600, 104), (0xC0D05604, 208)]


def test_what_is_no_device_is_an_error_and_leaves_nothing_open(tmp_path: Path) -> None:
    (tmp_path / "video0").touch()
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(OSError, match="ioctl"):
        query_device(tmp_path / "video0")
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_the_list_says_what_to_use() -> None:
    busy = FoundCamera("2", "Grabber", problem="can't be opened: Device or resource busy")
    assert describe_cameras([busy, *PI_CAMERAS], []).splitlines() == [
        "--source 2  Grabber; can't be opened: Device or resource busy",
        "--source rpicam  imx708_wide, the Pi's own, 4608 × 2592",
        "--source rpicam:1  ov5647, the Pi's own, 2592 × 1944",
        'use --source rpicam, or source = "rpicam" in the settings\' [capture]',
    ]
    assert describe_cameras([], []).startswith("no camera found: plug a USB camera in")


@pytest.mark.parametrize(
    ("source", "cameras", "advice"),
    [
        ("0", PI_CAMERAS, "use --source rpicam (imx708_wide, the Pi's own); `python -m edge_client cameras` lists all"),
        ("rpicam", PI_CAMERAS, "close other programs that use it, or unplug it and plug it in again"),
        ("/dev/video7", [], "plug it in or seat its ribbon with the power off"),
        ("2", [FoundCamera("2", "Grabber", problem="may not be opened")], "Grabber may not be opened"),
        ("rtsp://pi/x", PI_CAMERAS, "see that it is there and sends; `python -m edge_client cameras` lists"),
    ],
)
def test_the_advice_fits_the_machine(source: str, cameras: list[FoundCamera], advice: str) -> None:
    assert advise_camera(source, cameras).startswith(advice)


def test_a_pis_camera_without_its_program_is_told(monkeypatch: pytest.MonkeyPatch, machine: Machine) -> None:
    machine.plug_in(0, V4l2Device("unicam", "unicam", True))
    monkeypatch.setattr(camera_list, "find_program", lambda: None)
    monkeypatch.setattr(camera_list, "list_v4l2_cameras", machine.list)
    cameras, problems = list_cameras()
    assert cameras == []
    assert problems == [
        "the Pi's own camera needs rpicam-vid, which is not installed: sudo apt-get install -y rpicam-apps-lite"
    ]


@pytest.mark.parametrize(("listing", "code", "last"), [(LISTED, 0, "use --source rpicam"), (NONE_LISTED, 1, "no cam")])
def test_the_command_lists_them(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    listing: str,
    code: int,
    last: str,
) -> None:
    pytest.importorskip("cv2", reason="OpenCV is not installed here: see edge_client/README.md")
    install_rpicam(tmp_path, listing=listing)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(camera_list.list_v4l2_cameras, "__defaults__", (tmp_path, tmp_path, _never))
    assert main(["cameras"]) == code
    assert capsys.readouterr().out.splitlines()[-1].startswith(last)


def _never(_: Any) -> V4l2Device:
    raise AssertionError("no device is there to be asked")
