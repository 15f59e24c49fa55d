"""When a camera or the service counts as lost, and when as back."""

from edge_client.events.status import StatusEvent, StatusMonitor


def watch(troubles: list[tuple[float, str]]) -> list[StatusEvent]:
    """The events of a camera whose trouble is as given, each from a time on, looked at ten times a second."""
    events: list[StatusEvent] = []
    monitor = StatusMonitor(events.append, "s")
    end_s = troubles[-1][0] + 10
    for tick in range(int(end_s * 10)):
        trouble = [text for since_s, text in troubles if since_s <= tick / 10][-1]
        monitor.observe("camera", trouble, tick / 10, 1000 + tick / 10)
    return events


def test_a_camera_that_stays_away_is_lost_once_and_back_once() -> None:
    events = watch([(0, ""), (1, "camera 0 is not there"), (30, "")])
    assert [(event.event, event.reason) for event in events] == [
        ("camera_lost", "camera 0 is not there"),
        ("camera_back", ""),
    ]
    assert [(event.part, event.lost) for event in events] == [("camera", True), ("camera", False)]
    assert [event.timestamp for event in events] == [1003.0, 1032.0]
    assert events[0].session_id == "s"


def test_a_camera_that_is_opened_again_at_once_is_no_event() -> None:
    assert (
        watch([(0, ""), (1, "gives no more frames"), (2.5, ""), (3, "is open, but gives no frames"), (4.5, "")]) == []
    )


def test_a_camera_that_is_there_for_moments_is_not_back() -> None:
    events = watch([(0, "away"), (10, ""), (11, "away"), (12, ""), (13, "away")])
    assert [event.event for event in events] == ["camera_lost"]


def test_camera_and_service_are_told_apart() -> None:
    events: list[StatusEvent] = []
    monitor = StatusMonitor(events.append, "s")
    for now_s in (0.0, 1.0, 2.0):
        monitor.observe("camera", "", now_s, now_s)
        monitor.observe("service", "connection refused", now_s, now_s)
    assert [(event.event, event.part) for event in events] == [("service_lost", "service")]
