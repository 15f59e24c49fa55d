"""The doctor: each check's finding, and advice wherever something is wrong."""

import datetime
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from edge_client import doctor
from edge_client.doctor import CheckResult, read_throttled, run_check, run_checks
from edge_client.settings import Capture, Cloud, Device, Publish, Settings
from landmarks.models.session import ModelSession
from landmarks.models.vocabulary import teach
from landmarks.models.vocabulary_files import write_vocabulary
from landmarks.recording import write_recording
from serve_app.settings import PROJECT_ROOT
from testkit.edge.http_service import HttpService, Reply, build_metadata, http_service, model_answers
from testkit.edge.rpicam import install_rpicam
from testkit.edge.vocabularies import record_gestures
from tests.unit.edge_client.capture.test_sources import made_recording


@pytest.fixture
def service(repository: Path) -> Iterator[HttpService]:
    with http_service(model_answers(ModelSession.open(repository / "gesture" / "1"))) as running:
        yield running


def settings_for(service_url: str, repository: Path, tmp_path: Path) -> Settings:
    write_recording(made_recording(), tmp_path / "a.npz")
    return Settings(
        capture=Capture(source=str(tmp_path / "a.npz")),
        cloud=Cloud(url=service_url, retries=0, timeout=1.0),
        device=Device(model=str(repository / "gesture")),
        publish=Publish(url=service_url + "/gestures"),
    )


def by_name(findings: list[CheckResult]) -> dict[str, CheckResult]:
    return {finding.name: finding for finding in findings}


def test_what_is_right_is_found_right(service: HttpService, repository: Path, tmp_path: Path) -> None:
    found = by_name(run_checks(settings_for(service.url, repository, tmp_path)))
    assert {found[name].state for name in ("system", "camera", "service", "clock", "device model", "screen")} == {"ok"}
    assert "ms for a prediction" in found["service"].found


def test_what_is_missing_is_found_with_advice(repository: Path, tmp_path: Path) -> None:
    with http_service(lambda _: Reply()) as gone:
        url = gone.url
    settings = settings_for(url, tmp_path / "nowhere", tmp_path)
    found = by_name(run_checks(settings))
    for name in ("service", "device model"):
        assert found[name].state == "fail"
        assert found[name].hint
    assert found["screen"].state == "warn"


def test_a_key_that_is_refused_says_so(repository: Path, tmp_path: Path) -> None:
    with http_service(lambda _: Reply(401)) as service:
        finding = doctor.check_service(settings_for(service.url, repository, tmp_path))
    assert finding.state == "fail"
    assert "HELEN_API_KEY" in finding.hint


def test_a_vocabulary_that_the_service_lacks_is_named(repository: Path, tmp_path: Path) -> None:
    missing = Reply(404, b'{"error": "there is no vocabulary \'mine\' here; GET /vocabularies lists them"}')
    with http_service(lambda _: missing) as service:
        finding = doctor.check_service(settings_for(f"{service.url}/vocabularies/mine", repository, tmp_path))
    assert finding.state == "fail"
    assert finding.found == "the service has no vocabulary mine"
    assert "teach NAME" in finding.hint
    assert "HELEN_CLOUD_API_URL" in finding.hint


@pytest.mark.parametrize(
    ("date", "state"),
    [
        ("Sun, 22 Nov 2026 02:00:03 GMT", "ok"),
        ("Sun, 22 Nov 2026 02:00:06 GMT", "fail"),
        ("Thu, 01 Jan 2026 00:00:00 GMT", "fail"),
        ("yesterday", "warn"),
        ("²", "warn"),
        ("Mon, 01 Jan 2024 00:00:00 +99999999999999999999", "warn"),
        (None, "warn"),
    ],
)
def test_clocks_are_compared(date: str | None, state: str) -> None:
    now = datetime.datetime(2026, 11, 22, 2, 0, 0, tzinfo=datetime.UTC)
    assert doctor.compare_clocks(date, now).state == state


@pytest.mark.parametrize(
    ("text", "state"),
    [("throttled=0x0", "ok"), ("throttled=0x50005", "fail"), ("throttled=0x50000", "warn"), ("VCHI failed", "warn")],
)
def test_the_firmwares_word_on_power(text: str, state: str) -> None:
    assert read_throttled(text).state == state


def test_a_camera_that_is_away_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("cv2", reason="OpenCV is not installed here: see edge_client/README.md")
    monkeypatch.setattr(doctor, "CAMERA_SECONDS", 0.3)
    with http_service(lambda _: Reply(404)) as service:
        source = service.url.replace("http://", "http://ana:secret@") + "/mjpg"
        finding = doctor.check_source(Settings(capture=Capture(source=source)))
    assert finding.state == "fail"
    assert "gave no frame in 0 s: it answers 404 Not Found" in finding.found
    assert "secret" not in finding.line()


def test_the_doctor_says_which_camera_to_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("cv2", reason="OpenCV is not installed here: see edge_client/README.md")
    install_rpicam(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(doctor, "CAMERA_SECONDS", 0.5)
    wrong = doctor.check_source(Settings(capture=Capture(source="250")))
    assert wrong.state == "fail"
    assert wrong.hint.startswith("use --source rpicam (imx708_wide")
    monkeypatch.setattr(doctor, "CAMERA_SECONDS", 6.0)
    right = doctor.check_source(Settings(capture=Capture(source="rpicam")))
    assert right.state == "ok"
    assert "rpicam: 30 frames of 640 × 480" in right.found


@pytest.mark.parametrize("source", ["nowhere.mp4", "ftp://x", ".", "²"])
def test_a_source_that_means_nothing_is_a_finding(source: str) -> None:
    assert doctor.check_source(Settings(capture=Capture(source=source))).state == "fail"


def test_without_opencv_the_doctor_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    finding = doctor.check_source(Settings())
    assert (finding.state, finding.hint) == ("fail", "pip install -r edge_client/requirements.txt")


def test_a_check_that_trips_is_a_finding_and_the_others_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vcgencmd = tmp_path / "vcgencmd"
    vcgencmd.write_text("no program")
    vcgencmd.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    finding = run_check(doctor.check_throttling, Settings())
    assert (finding.name, finding.state) == ("throttling", "fail")
    assert "OSError" in finding.found


def test_a_line_names_the_check_what_was_found_and_what_to_do() -> None:
    assert CheckResult("clock", "fail", "+9 s", "set it").line() == "FAIL  clock: +9 s\n           → set it"


def test_the_model_on_this_machine_is_compared_with_its_vocabulary(tmp_path: Path) -> None:
    session = ModelSession.open(PROJECT_ROOT / "models" / "gesture" / "1")
    vocabulary = teach(record_gestures("wave", "grab"), session)
    write_vocabulary(vocabulary, tmp_path / "mine.vocabulary")
    metadata = build_metadata(session.card) | {"class_labels": vocabulary.class_labels, "num_classes": 3}
    with http_service(lambda _: Reply(body=msgspec.json.encode(metadata))) as service:
        for name, state in (("mine", "ok"), ("other", "fail")):
            settings = Settings(
                cloud=Cloud(url=f"{service.url}/vocabularies/{name}", retries=0),
                device=Device(model=str(PROJECT_ROOT / "models" / "gesture"), vocabularies=str(tmp_path)),
            )
            assert doctor.check_device_model(settings).state == state
