"""A plan, and a sitting that records it by timer from a source that is there."""

from pathlib import Path

from edge_client.recording.recorder import RecordingPlan, record_windows
from edge_client.settings import Settings

PLAN = RecordingPlan(("hello", "yes"), "ana", "lunes", 4)


def record(settings: Settings, output: Path, plan: RecordingPlan = PLAN) -> tuple[int, list[str]]:
    said: list[str] = []
    return record_windows(settings, plan, output, every_s=0.0, count=2, say=said.append), said
