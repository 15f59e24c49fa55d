from pathlib import Path

import numpy as np
import pytest

from training.data.recordings import read_grouped, read_split, read_windows
from training.data.windows import DataError, Windows, split_windows
from training.synthetic.hands import make_windows


@pytest.fixture
def made(tmp_path: Path) -> Path:
    arrays = make_windows(windows_each=3, signers=3, frames=8, seed=0)
    np.savez(tmp_path / "made.npz", hands=arrays["hands"], label=arrays["label"], signer=arrays["signer"])
    return tmp_path


def test_a_folder_of_windows_is_read(made: Path) -> None:
    windows = read_windows(made)
    assert windows.points.shape == (36, 8, 126)
    assert windows.class_labels == ("made-clap", "made-grab", "made-point", "made-wave")
    assert windows.groups == ("made_0", "made_1", "made_2")
    assert windows.grouped_by == "signer"
    assert windows.presence.shape == (36, 8, 2)


@pytest.mark.parametrize("seed", range(5))
def test_a_split_by_signer_never_leaks_a_signer(made: Path, seed: int) -> None:
    train, validation = split_windows(read_windows(made), "signer", seed)
    assert validation is not None
    assert not set(train.groups) & set(validation.groups)
    assert len(train) + len(validation) == 36
    assert len(validation) == 12


def test_a_random_split_keeps_a_fifth_back_and_none_keeps_nothing(made: Path) -> None:
    train, validation = split_windows(read_windows(made), "random", 0)
    assert validation is not None
    assert (len(train), len(validation)) == (29, 7)
    assert split_windows(read_windows(made), "none", 0)[1] is None


def test_a_split_the_data_does_not_have_is_refused(made: Path) -> None:
    with pytest.raises(DataError, match="grouped by signer"):
        split_windows(read_windows(made), "session", 0)


def test_a_split_of_one_person_is_refused(made: Path) -> None:
    windows = read_windows(made)
    with pytest.raises(DataError, match="at least two groups"):
        split_windows(windows.select(windows.group == "made_0"), "signer", 0)


def test_only_some_labels_keep_their_names(made: Path) -> None:
    windows = read_windows(made)
    some = windows.select_labels(["made-wave", "made-grab"])
    names = np.asarray(windows.class_labels)[windows.target]
    assert some.class_labels == ("made-grab", "made-wave")
    expected = [name for name in names if name in some.class_labels]
    assert [some.class_labels[index] for index in some.target] == expected
    with pytest.raises(DataError, match="made-up"):
        windows.select_labels(["made-up"])


def test_common_labels_are_those_of_every_signer(made: Path) -> None:
    windows = read_windows(made)
    without = (windows.group == "made_1") & (windows.target == 0)
    assert windows.select(~without).common_labels() == ("made-grab", "made-point", "made-wave")


HANDS = np.zeros((2, 4, 84), np.float32)
LABEL = np.array(["a", "b"])


@pytest.mark.parametrize(
    "arrays, reason",
    [
        ({"hands": HANDS}, r"lacks the arrays \['label'\]"),
        ({"label": LABEL}, r"lacks the arrays \['hands'\]"),
        ({"hands": HANDS[:, :, :80], "label": LABEL}, "expected"),
        ({"hands": HANDS, "label": LABEL[:1]}, "expected one text for each of 2 windows"),
        ({"hands": np.full_like(HANDS, np.nan), "label": LABEL}, "not finite"),
        ({"hands": HANDS, "label": np.array([{}, {}])}, "can't be read"),
    ],
)
def test_a_file_that_is_no_data_set_is_refused(tmp_path: Path, arrays: dict[str, np.ndarray], reason: str) -> None:
    np.savez(tmp_path / "bad.npz", **arrays)  # type: ignore[arg-type]
    with pytest.raises(DataError, match=reason):
        read_windows(tmp_path)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no \.npz file"):
        read_windows(tmp_path)


def test_windows_without_a_person_say_so(tmp_path: Path) -> None:
    np.savez(tmp_path / "plain.npz", hands=HANDS, label=LABEL)
    windows: Windows = read_windows(tmp_path)
    assert windows.grouped_by is None


def hands_moving(frames: int, count: int = 2) -> np.ndarray:
    """Windows whose every number goes evenly from 0.2 to 0.8, each window a little aside of the one before."""
    line = np.linspace(0.2, 0.8, frames, dtype=np.float32)
    return line[None, :, None] + np.arange(count, dtype=np.float32)[:, None, None] / 100 + np.zeros((1, 1, 84), "f4")


def write(path: Path, frames: int, fps: float | None = None, count: int = 2, signer: str = "ana") -> None:
    columns = {"hands": hands_moving(frames, count), "label": np.resize(["a", "b"], count)}
    columns |= {"signer": np.full(count, signer)} | ({} if fps is None else {"fps": np.asarray(fps, np.float32)})
    np.savez(path, **columns)  # type: ignore[arg-type]


def test_recordings_of_two_frame_rates_come_to_the_same_seconds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "a.npz", 30, 29.7, count=4)
    write(tmp_path / "b.npz", 15, 15.2)
    write(tmp_path / "c.npz", 30, 30.3)
    windows = read_windows(tmp_path)
    assert windows.points.shape == (8, 30, 84)
    np.testing.assert_allclose(windows.points[4], hands_moving(30)[0], atol=1e-5)
    told = capsys.readouterr().err
    assert f"{tmp_path / 'b.npz'} holds windows of 15 frames at 15.2 fps, 0.99 s: resampled to 30 frames" in told
    assert "c.npz" not in told


def test_a_hand_that_is_absent_stays_absent_where_windows_are_resampled(tmp_path: Path) -> None:
    write(tmp_path / "a.npz", 30, 30, count=4)
    hands = hands_moving(15)
    hands[:, :, :42] = 0
    hands[:, 8:, 42:] = 0
    np.savez(tmp_path / "b.npz", hands=hands, label=np.array(["a", "b"]), signer=np.array(["b", "b"]), fps=15.0)
    presence = read_windows(tmp_path).presence[4:]
    assert presence[..., 0].sum() == 0
    assert (presence[:, :15, 1] == 1).all() and (presence[:, 17:, 1] == 0).all()


@pytest.mark.parametrize(
    "frames, fps, reason",
    [
        (30, 15.0, r"b.npz holds windows of 30 frames at 15 fps, 2.00 s, but .*a.npz .* 30 fps, 1.00 s: .* seconds"),
        (24, 30.0, r"b.npz holds windows of 24 frames at 30 fps, 0.80 s, but .*a.npz .* one length"),
        (24, None, r"b.npz holds windows of 24 frames, and doesn't say at how many a second, but .*a.npz"),
    ],
)
def test_windows_of_other_seconds_are_refused_by_file(
    tmp_path: Path, frames: int, fps: float | None, reason: str
) -> None:
    write(tmp_path / "a.npz", 30, 30, count=4)
    write(tmp_path / "b.npz", frames, fps)
    with pytest.raises(DataError, match=reason):
        read_windows(tmp_path)


@pytest.mark.parametrize("fps", [0.0, -30.0, np.nan, np.inf, [30.0, 30.0], "30"])
def test_a_frame_rate_that_is_none_is_refused(tmp_path: Path, fps: object) -> None:
    np.savez(tmp_path / "bad.npz", hands=HANDS, label=LABEL, fps=fps)  # type: ignore[arg-type]
    with pytest.raises(DataError, match=r"bad.npz: fps .*, expected (one number|numbers|1 to 1000)"):
        read_windows(tmp_path)


@pytest.mark.parametrize("frames", [5, 31, 107])
def test_windows_that_the_model_does_not_take_are_refused_by_file_and_length(tmp_path: Path, frames: int) -> None:
    write(tmp_path / "a.npz", frames, 30)
    with pytest.raises(DataError, match=rf"a.npz holds windows of {frames} frames at 30 fps, .* expected 6 to 30"):
        read_grouped(tmp_path)


@pytest.mark.parametrize(
    "columns, reason",
    [
        ({"hands": np.zeros((2, 4, 126), "f4")}, "b.npz has 126 numbers a frame, .*a.npz 84"),
        ({"hands": HANDS, "signer": LABEL}, "b.npz is grouped by signer, .*a.npz by nothing"),
    ],
)
def test_files_that_differ_in_width_or_group_are_named(
    tmp_path: Path, columns: dict[str, np.ndarray], reason: str
) -> None:
    np.savez(tmp_path / "a.npz", hands=HANDS, label=LABEL)
    np.savez(tmp_path / "b.npz", label=LABEL, **columns)  # type: ignore[arg-type]
    with pytest.raises(DataError, match=reason):
        read_windows(tmp_path)


def test_a_split_of_two_frame_rates_comes_to_one(tmp_path: Path) -> None:
    for name, frames in (("train", 30), ("val", 15)):
        (tmp_path / name).mkdir()
        write(tmp_path / name / "a.npz", frames, frames, count=4 if name == "train" else 2)
    with np.load(tmp_path / "val" / "a.npz") as arrays:
        columns = dict(arrays)
    np.savez(tmp_path / "val" / "a.npz", **columns | {"hands": columns["hands"] / 2})
    train, validation = read_split(tmp_path)
    assert (train.points.shape, validation.points.shape) == ((4, 30, 84), (2, 30, 84))


def test_a_person_with_two_sessions_is_grouped_by_session(tmp_path: Path) -> None:
    for session in ("monday", "tuesday"):
        hands = HANDS.repeat(2, axis=1)
        np.savez(
            tmp_path / f"{session}.npz",
            hands=hands,
            label=LABEL,
            signer=np.full(2, "ana"),
            session=np.full(2, session),
        )
    assert read_grouped(tmp_path).groups == ("monday", "tuesday")


def test_the_same_windows_in_train_and_val_are_refused(made: Path) -> None:
    with np.load(made / "made.npz") as arrays:
        columns = {name: arrays[name] for name in ("hands", "label", "signer")}
    columns["hands"][:2] = 0  # without hands, windows are all alike
    for folder, kept in (("train", np.arange(36) < 30), ("val", (np.arange(36) >= 28) | (np.arange(36) < 1))):
        (made / folder).mkdir()
        np.savez(made / folder / "a.npz", **{name: column[kept] for name, column in columns.items()})
    with pytest.raises(DataError, match="2 of the 9 windows to validate on are also among those to train on"):
        read_split(made)


def test_a_file_that_is_there_twice_is_no_second_session(made: Path) -> None:
    with np.load(made / "made.npz") as arrays:
        np.savez(made / "copy.npz", hands=arrays["hands"], label=arrays["label"], signer=np.full(36, "made_copy"))
    with pytest.raises(DataError, match="are also among those to train on"):
        for seed in range(3):
            split_windows(read_windows(made), "signer", seed)
