"""The command line: ``python -m edge_client COMMAND``. It reads flags and prints; what a command does is elsewhere."""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from edge_client.capture.frames import SourceError
from edge_client.service.replies import ServiceError
from edge_client.settings import Settings, SettingsError, load_settings
from edge_client.settings.aliases import SHARPNESS
from edge_client.settings_file import setting_fields, settings_toml
from landmarks.models.card import ModelError
from landmarks.models.vocabulary import VocabularyError
from landmarks.recording import NONE, RecordingError
from landmarks.tracking.assets import ASSETS, AssetError, fetch_assets, get_assets_folder
from landmarks.tracking.vision_libraries import LibraryError

SHORT_FLAGS = {"capture.source": ("--source",), "cloud.transport": ("--transport",)}
LONGEST_PAUSE_S = 3600.0
EXPECTED_ERRORS = (
    *(SettingsError, SourceError, AssetError, ModelError),
    *(RecordingError, ServiceError, LibraryError, VocabularyError),
)


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands; every setting is a flag of the commands that use settings."""
    parser = argparse.ArgumentParser(prog="python -m edge_client", description="Helen on the Raspberry Pi.")
    parser.add_argument("--log-level", default="INFO", choices=["DEBUG", "INFO", "WARNING", "ERROR"])
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="camera in, one event a gesture out")
    replay = commands.add_parser("replay", help="play a recording or video through the whole client")
    replay.add_argument("file", help="recording (.npz) or video file")
    demo = commands.add_parser("demo", help="made hands through the whole client: no camera needed")
    demo.add_argument("--rounds", type=parse_count, default=20, help="how often the made signs are played (20)")
    screen = commands.add_parser("ui", help="the local screen alone")
    record = commands.add_parser("record", help="record windows of signs for training")
    record.add_argument("output", type=Path, help="recording to write or to add to (.npz)")
    record.add_argument("--labels", required=True, help="labels, separated by commas: a, b, c are the keys 1, 2, 3")
    record.add_argument("--signer", required=True, help="who signs; a nickname is enough")
    record.add_argument("--session", required=True, help="which sitting, for instance the date and the room")
    record.add_argument("--frames", type=int, default=30, help="frames a window (30)")
    record.add_argument("--every", type=parse_pause_s, help="seconds between windows: a timer instead of keys")
    record.add_argument("--count", type=parse_count, default=20, help="windows a label with the timer (20)")
    teach = commands.add_parser("teach", help="teach a gesture of your own, by a few recordings in front of the camera")
    teach.add_argument("gesture", nargs="?", help="its name; none for movements that are no gesture")
    teach.add_argument("--none", action="store_true", help="record movements that are no gesture")
    teach.add_argument("--count", type=parse_count, default=5, help="recordings (5)")
    teach.add_argument("--more", action="store_true", help="add to the recordings that are there: another place or day")
    teach.add_argument("--keep", metavar="A,B", help="words of the base model that go on, separated by commas")
    forget = commands.add_parser("forget", help="forget a gesture")
    forget.add_argument("gesture", nargs="?", help="its name")
    forget.add_argument("--all", action="store_true", help="delete the whole vocabulary, here and on the service")
    gestures = commands.add_parser("gestures", help="list the gestures that were taught, and how well they do")
    settle = gestures.add_mutually_exclusive_group()
    settle.add_argument("--merge", action="store_true", help="join this machine's vocabulary with the service's")
    settle.add_argument("--fetch", action="store_true", help="take the service's vocabulary in place of this machine's")
    for command in (teach, forget, gestures):
        command.add_argument("--vocabulary", metavar="NAME", help="whose gestures, where the service's URL doesn't say")
    model = commands.add_parser("model", help="fetch the service's model, to answer here when it is away")
    commands.add_parser("cameras", help="list the cameras of this machine, and say which to use")
    doctor = commands.add_parser("doctor", help="check everything that the client needs, and say what to do")
    bench = commands.add_parser("bench", help="milliseconds a frame of each stage")
    bench.add_argument("file", help="video or recording to measure on")
    for command in (run, replay, demo):
        command.add_argument("--ui", action="store_true", help="start the local screen in this process too")
    for command in (run, replay, demo, screen, record, teach, forget, gestures, model, doctor, bench):
        _add_settings(command)

    assets = commands.add_parser("assets", help="fetch MediaPipe's two model files once, and check them")
    assets.add_argument("--folder", type=Path, default=get_assets_folder(), help=f"where to ({get_assets_folder()})")
    commands.add_parser("settings", help="print the settings file with the defaults")
    return parser


def parse_count(text: str) -> int:
    """A whole number above 0, for argparse."""
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} found, expected a whole number above 0")
    return int(text)


def parse_pause_s(text: str) -> float:
    """Seconds from 0 to an hour, for argparse."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= LONGEST_PAUSE_S:  # false for NaN too
        raise argparse.ArgumentTypeError(f"{text!r} found, expected 0 to {LONGEST_PAUSE_S:.0f} seconds")
    return value


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 when it succeeded, 1 with one sentence when not."""
    options = build_parser().parse_args(arguments)
    logging.basicConfig(level=options.log_level, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    try:
        return _run_command(options)
    except EXPECTED_ERRORS as error:
        _print(f"error: {error}", sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _run_command(options: argparse.Namespace) -> int:
    if options.command == "settings":
        _print(settings_toml().rstrip())
        return 0
    if options.command == "assets":
        for asset, path in zip(ASSETS, fetch_assets(options.folder), strict=True):
            _print(f"{path}  SHA-256 {asset.sha256}")
        return 0
    if options.command == "cameras":
        from edge_client.capture.camera_list import choose_camera, describe_cameras, list_cameras

        cameras, problems = list_cameras()
        _print(describe_cameras(cameras, problems))
        return int(choose_camera(cameras) is None)
    settings = read_settings(options)
    # Each command imports what it needs: `doctor` must run where MediaPipe or the web server doesn't.
    if options.command in ("run", "replay", "demo"):
        from edge_client.app import play_demo, run_client

        made = options.command == "demo"
        pipeline = play_demo(settings, options.ui, options.rounds) if made else run_client(settings, options.ui)
        _print(f"{pipeline.frames} frames, a hand in {pipeline.frames_with_hand}, {pipeline.events} events", sys.stderr)
        return 0
    if options.command == "ui":
        from edge_client.ui.server import serve_screen

        _print(f"local screen: http://{settings.screen.host}:{settings.screen.port}", sys.stderr)
        serve_screen(settings.screen)
        return 0
    if options.command == "record":
        from edge_client.recording.recorder import RecordingPlan, record_windows

        plan = RecordingPlan(parse_list(options.labels), options.signer, options.session, options.frames)
        every_s, count = options.every, options.count
        return int(not record_windows(settings, plan, options.output, every_s=every_s, count=count, say=_print))
    if options.command in ("teach", "forget", "gestures"):
        return _run_teaching(options, settings)
    if options.command == "model":
        from edge_client.service.model_download import fetch_model
        from edge_client.service.vocabulary_client import open_root_client

        folder = Path(settings.device.model or "models/gesture")
        card = fetch_model(open_root_client(settings.cloud), folder)
        _print(f"{folder}: {card.num_classes} labels, SHA-256 {card.sha256}")
        return 0
    if options.command == "doctor":
        from edge_client.doctor import run_checks

        findings = run_checks(settings)
        _print("\n".join(finding.line() for finding in findings))
        return int(any(finding.state == "fail" for finding in findings))
    from edge_client.profile import measure_stages

    _print(measure_stages(settings))
    return 0


def _run_teaching(options: argparse.Namespace, settings: Settings) -> int:
    from edge_client.teaching.commands import (
        Settle,
        TeachRequest,
        forget_all,
        forget_gesture,
        list_vocabulary,
        teach_gesture,
    )
    from edge_client.teaching.display import CountdownDisplay
    from edge_client.teaching.words import choose_language

    language, name = choose_language(), options.vocabulary
    if options.command == "forget":
        if bool(options.gesture) == options.all:
            raise SettingsError(f"gesture is {options.gesture!r}, expected a gesture's name, or --all alone")
        if options.all:
            forget_all(settings, name, language=language, say=_print)
        else:
            forget_gesture(settings, options.gesture, name, language=language, say=_print)
    elif options.command == "gestures":
        settle: Settle | None = "merge" if options.merge else "fetch" if options.fetch else None
        list_vocabulary(settings, name, settle, language=language, say=_print)
    else:
        gesture = NONE if options.none else options.gesture
        if not gesture or (options.none and options.gesture not in (None, NONE)):
            raise SettingsError(f"gesture is {options.gesture!r}, expected its name, or --none alone")
        keep = None if options.keep is None else parse_list(options.keep)
        request = TeachRequest(gesture, options.count, options.more, keep, name)
        teach_gesture(settings, request, language=language, say=_print, show=CountdownDisplay(language).show)
    return 0


def parse_list(text: str) -> tuple[str, ...]:
    """``a, b`` as its parts."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def read_settings(options: argparse.Namespace) -> Settings:
    """The settings that a command's flags, the environment and its file say.

    Raises:
        SettingsError: as ``load_settings``.
    """
    flags = {path: value for path, _ in setting_fields() if (value := getattr(options, path)) is not None}
    if getattr(options, SHARPNESS, None) is not None:
        flags[SHARPNESS] = getattr(options, SHARPNESS)
    file = getattr(options, "file", None)
    if file is not None:
        flags["capture.source"] = file
    return load_settings(options.settings, flags)


def _add_settings(command: argparse.ArgumentParser) -> None:
    command.add_argument("--settings", type=Path, metavar="FILE", help="settings file (TOML)")
    group = command.add_argument_group("settings")
    for path, field in setting_fields():
        flag = "--" + path.replace(".", "-").replace("_", "-")
        described = f"{field.description} ({field.default!r})".replace("%", "%%")
        group.add_argument(*SHORT_FLAGS.get(path, ()), flag, dest=path, metavar="VALUE", help=described)
    group.add_argument("--trigger-sharpness", dest=SHARPNESS, metavar="VALUE", help="1 / trigger.temperature")


def _print(text: str, stream: object = None) -> None:
    print(text, file=stream or sys.stdout)  # type: ignore[arg-type]
