"""``/analyze`` with everything behind it but Ray: the contract's answer, and every refusal with its sentence."""

import asyncio
import json
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from landmarks.pose import POSE_NAMES
from landmarks.shots.keypoints import SHOT_LABELS
from serve_app.api.docs.examples import EXAMPLE_FRAMES, example_frame, example_shot
from serve_app.shots.request import MAX_FRAMES
from testkit.load import EXAMPLE
from testkit.stages.local_stages import local_client


@asynccontextmanager
async def serving(repository: Path, **arguments: float) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service of its own."""
    async with asyncio.timeout(20), local_client(repository, (), **arguments) as client:
        yield client


@pytest.mark.anyio
@pytest.mark.parametrize("path", ["/analyze", "/api/analyze"])
async def test_a_shot_gets_all_the_fields_of_the_contract(repository: Path, path: str) -> None:
    async with serving(repository) as client:
        answer = await client.post(path, json=example_shot())
        assert answer.status_code == 200
        fields = answer.json()
        assert {"labels", "probabilities", "metrics", "recommendations", "source", "elapsed_ms"} <= set(fields)
        assert list(fields["probabilities"]) == list(SHOT_LABELS)
        assert fields["labels"] == [label for label, p in fields["probabilities"].items() if p is not None and p > 0.5]
        assert [advice["id"] for advice in fields["recommendations"]] == fields["labels"]
        assert 0 <= fields["metrics"]["ite"] <= 100
        assert isinstance(fields["metrics"]["delay_ms"], int)
        assert fields["source"] == "heuristic"
        assert (fields["hand"]["side"], fields["elapsed_ms"] > 0) == ("right", True)


@pytest.mark.anyio
async def test_without_any_model_shots_are_judged_by_the_rules(tmp_path: Path) -> None:
    async with serving(tmp_path / "nothing") as client:
        assert (await client.post("/analyze", json=example_shot())).json()["source"] == "heuristic"


@pytest.mark.anyio
async def test_legs_come_before_the_arm_by_the_delay(repository: Path) -> None:
    async with serving(repository) as client:
        fields = (await client.post("/analyze", json=example_shot())).json()
        events = fields["events"]
        assert round((events["arm"] - events["legs"]) * 1000) == pytest.approx(fields["metrics"]["delay_ms"], abs=2)
        assert 60 < fields["metrics"]["delay_ms"] < 200


def moved(seconds: float, **fields: Any) -> dict[str, Any]:
    shot = example_shot()
    for frame in shot["frames"]:
        frame["time_sec"] += seconds
    return shot | fields


@pytest.mark.anyio
@pytest.mark.parametrize("seconds", [-5.0, 0.0, 1234.5678, 9_999_990.25])
async def test_times_are_answered_in_the_clients_own_clock(repository: Path, seconds: float) -> None:
    async with serving(repository) as client:
        base = (await client.post("/analyze", json=example_shot())).json()
        late = (await client.post("/analyze", json=moved(seconds))).json()
        assert late["release_time_sec"] - seconds == pytest.approx(base["release_time_sec"], abs=0.002)
        given = (await client.post("/analyze", json=moved(seconds, release_time_sec=seconds + 0.45))).json()
        assert given["release_time_sec"] - seconds == pytest.approx(0.45, abs=0.002)


@pytest.mark.anyio
async def test_the_window_is_what_is_judged(repository: Path) -> None:
    async with serving(repository) as client:
        narrow = await client.post("/analyze", json=moved(0, release_time_sec=0.45, pre_ms=100, post_ms=20))
        assert narrow.status_code == 400
        assert narrow.json()["error"] == "frames show no shot: 4 frames, expected at least 6 to see a motion"


@pytest.mark.anyio
async def test_the_videos_shape_changes_what_is_seen(repository: Path) -> None:
    async with serving(repository) as client:
        shot = example_shot()
        for frame in shot["frames"]:
            for point in frame["keypoints"]:
                if point["name"].startswith("left"):
                    point["x"] -= 0.1
        english = {"Accept-Language": "en"}
        square = (await client.post("/analyze", json=shot, headers=english)).json()
        wide = (await client.post("/analyze", json=shot | {"width": 1280, "height": 720}, headers=english)).json()
        assert any("at the side" in doubt for doubt in square["doubts"])
        assert any("in front" in doubt for doubt in wide["doubts"])
        spanish = (await client.post("/analyze", json=shot)).json()
        assert any("al lado" in doubt for doubt in spanish["doubts"])
        assert "al lado" in spanish["unknown"]["brazo_no_alineado"]


def late_arm() -> dict[str, Any]:
    """The example with its arm eight frames later."""
    shot = example_shot()
    frames = shot["frames"]
    arms = [[point for point in frame["keypoints"] if point["name"][6:] in ("elbow", "wrist")] for frame in frames]
    for number in range(len(frames) - 1, -1, -1):
        for mine, earlier in zip(arms[number], arms[max(0, number - 8)], strict=True):
            mine["y"] = earlier["y"]
    return shot


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("accepted", "language", "title"),
    [
        ("en-GB,en;q=0.9,es;q=0.5", "en", "Join the legs to the arm"),
        ("es-MX", "es", "Une las piernas con el brazo"),
        ("de, fr;q=0.8", "es", "Une las piernas con el brazo"),
        ("", "es", "Une las piernas con el brazo"),
    ],
)
async def test_advice_comes_in_the_clients_language(repository: Path, accepted: str, language: str, title: str) -> None:
    async with serving(repository) as client:
        answer = await client.post("/analyze", json=late_arm(), headers={"accept-language": accepted})
        assert answer.headers["content-language"] == language
        assert answer.headers["vary"].split(", ")[0] == "Accept-Language"
        fields = answer.json()
        assert fields["metrics"]["delay_ms"] > 150
        advice = {row["id"]: row for row in fields["recommendations"]}
        assert advice["baja_transferencia"]["title"] == title


def broken(**change: Any) -> dict[str, Any]:
    shot = example_shot()
    shot["frames"][3]["keypoints"][2] |= change
    return shot


def still() -> dict[str, Any]:
    shot = example_shot()
    for frame in shot["frames"]:
        frame["keypoints"] = shot["frames"][0]["keypoints"]
    return shot


def backwards() -> dict[str, Any]:
    shot = example_shot()
    shot["frames"][5]["time_sec"] = 0.01
    return shot


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({}, "frames is missing, expected it in the body"),
        ({"frames": []}, "frames is empty, expected at least one frame"),
        ({"frames": [{}]}, "index is missing, expected it in frames[0]"),
        ({"frames": 3}, "frames is a number, expected a list"),
        (broken(name="hand"), "frames[3].keypoints[2].name is 'hand', expected one of the 33 names"),
        (broken(x=700), "frames[3].keypoints[2].x is 700, expected 0 to 1 of the image"),
        (broken(y=float("nan")), "frames[3].keypoints[2].y is nan, expected a finite number"),
        (broken(v=2), "frames[3].keypoints[2].v is 2, expected a visibility from 0 to 1"),
        (broken(x="left"), "frames[3].keypoints[2].x is a string, expected a number"),
        (backwards(), "frames[5].time_sec is 0.01, expected more than 0.133: times go backwards"),
        (still(), "frames show no shot: the right arm rises by 0.00 trunk lengths"),
        (moved(0, release_time_sec=70.0), "frames show no shot: 0 frames lie from 69.500 s to 70.200 s"),
        (moved(0, pre_ms=-1), "pre_ms is refused: Expected `float` >= 0"),
        (moved(0, width=1280), "one of width and height is missing"),
        (
            {"frames": [{"index": 0, "time_sec": 0, "keypoints": []}]},
            "frames show no shot: 1 frames, expected at least 6",
        ),
    ],
)
async def test_bad_frames_get_a_400_that_names_the_field(repository: Path, body: dict[str, Any], sentence: str) -> None:
    async with serving(repository) as client:
        answer = await client.post("/analyze", content=json.dumps(body), headers={"content-type": "application/json"})
        assert answer.status_code == 400
        assert answer.json()["code"] == "invalid_input"
        assert answer.json()["error"].startswith(sentence)


@pytest.mark.anyio
async def test_nonsense_never_makes_the_service_fail(repository: Path) -> None:
    async with serving(repository) as client:
        draw = np.random.default_rng(0)
        for trial in range(40):
            count = int(draw.integers(1, 40))
            scale, seen = 10.0 ** draw.integers(-8, 2), draw.random()
            frames = [
                {
                    "index": number,
                    "time_sec": float(number * 10.0 ** draw.integers(-3, 1)) if trial % 2 else number / 30,
                    "keypoints": [
                        {
                            "name": name,
                            "x": float(np.clip(scale * draw.normal(), -10, 10)),
                            "y": float(np.clip(scale * draw.normal(), -10, 10)),
                            "v": float(draw.random() < seen),
                        }
                        for name in POSE_NAMES
                        if draw.random() < seen
                    ],
                }
                for number in range(count)
            ]
            body: dict[str, Any] = {"frames": frames}
            if trial % 3 == 0:
                body |= {"release_time_sec": float(draw.uniform(-1, 3)), "pre_ms": 60_000, "post_ms": 60_000}
            answer = await client.post("/analyze", json=body)
            assert answer.status_code in (200, 400), answer.text
            if answer.status_code == 200:
                assert 0 <= answer.json()["metrics"]["ite"] <= 100


@pytest.mark.anyio
async def test_shots_asked_for_together_get_each_their_own_answer(repository: Path) -> None:
    async with serving(repository) as client:
        bodies = [example_shot(), late_arm(), still(), moved(7.0)] * 8
        alone = [(await client.post("/analyze", json=body)).json() for body in bodies[:4]]
        together = await asyncio.gather(*(client.post("/analyze", json=body) for body in bodies))
        for number, answer in enumerate(together):
            expected, found = alone[number % 4], answer.json()
            for field in ("metrics", "release_time_sec", "error"):
                assert found.get(field) == expected.get(field)


@pytest.mark.anyio
async def test_the_documentations_example_is_a_good_shot(repository: Path) -> None:
    async with serving(repository) as client:
        document = (await client.get("/openapi.json")).json()
        operation = document["paths"]["/analyze"]["post"]
        example = operation["requestBody"]["content"]["application/json"]["example"]
        answer = await client.post("/analyze", json=example)
        assert answer.status_code == 200
        assert answer.json()["metrics"]["ite"] > 80
        assert answer.json()["labels"] == []
        described = document["components"]["schemas"]["AnalyzeResponse"]["properties"]
        assert set(answer.json()) | {"model_version"} == set(described)  # that one only a model has


def minute_of_video(rate: int = 60) -> dict[str, Any]:
    """As many frames as are taken, of somebody who stands for most of a minute and then shoots, all points named."""
    count = MAX_FRAMES
    shown = [max(0, number - (count - EXAMPLE_FRAMES)) for number in range(count)]
    frames = []
    for number, place in enumerate(shown):
        keypoints = {point["name"]: point for point in example_frame(place)["keypoints"]}
        unseen = [{"name": name, "x": 1 / 3, "y": 1 / 3, "v": 0.0} for name in POSE_NAMES if name not in keypoints]
        frames.append({"index": number, "time_sec": number / rate, "keypoints": [*keypoints.values(), *unseen]})
    return {"frames": frames}


@pytest.mark.anyio
async def test_as_many_frames_as_it_documents_are_judged_and_gestures_are_answered_meanwhile(repository: Path) -> None:
    sent = json.dumps(minute_of_video()).encode()
    assert len(sent) > 6_000_000

    async with serving(repository) as client:
        asked = asyncio.create_task(client.post("/analyze", content=sent))
        gestures = [await client.post("/predict", json=EXAMPLE) for _ in range(3)]
        assert [gesture.status_code for gesture in gestures] == [200] * 3
        answer = await asked
        assert answer.status_code == 200, answer.text
        assert 58 < answer.json()["release_time_sec"] < 60
        compressed = await client.post(
            "/analyze", content=zlib.compress(sent, 1), headers={"Content-Encoding": "deflate"}
        )
        assert compressed.json()["probabilities"] == answer.json()["probabilities"]


@pytest.mark.anyio
async def test_a_frame_too_many_is_refused_in_words(repository: Path) -> None:
    async with serving(repository) as client:
        frames = [{"index": number, "time_sec": number / 60, "keypoints": []} for number in range(MAX_FRAMES + 1)]
        answer = await client.post("/analyze", json={"frames": frames})
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_input")
        assert answer.json()["error"].startswith("frames ")
        assert "3600" in answer.json()["error"]
