import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from tempfile import TemporaryDirectory

import fsspec
import numpy as np
import pytest
import torch

from landmarks.hands import compute_presence, drop_z
from landmarks.models.session import ModelSession
from training import export_onnx, simulate, train_gru
from training.data.recordings import read_windows
from training.data.windows import DataError
from training.engine.checkpoints import Checkpoint, read_checkpoint
from training.engine.config import CONFIGS
from training.engine.gesture_module import compute_class_weights
from training.engine.trainer import RunError, TrainingRun
from training.synthetic.hands import GESTURES, make_windows
from training.train_gru import read_data

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def command_for(made: Path, storage: Path | str, *more: str) -> list[str]:
    return [
        *(sys.executable, "-m", "training.train_gru", "--data_dir", str(made), "--storage_path", str(storage)),
        *more,
    ]


def run_training(made: Path, storage: Path | str, *more: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own: Lightning's loggers leave warnings of other packages behind."""
    command = command_for(made, storage, *more)
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=ENVIRONMENT)


def run_until_killed(made: Path, storage: Path, *more: str, after_epoch: int) -> None:
    """Start a run and SIGKILL it when it has told of an epoch."""
    command = command_for(made, storage, *more)
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT) as process:
        deadline = threading.Timer(120, process.kill)
        deadline.start()
        assert process.stderr is not None
        reached = any(line.startswith(f"epoch {after_epoch}/") for line in process.stderr)
        process.kill()
        deadline.cancel()
    assert reached
    assert process.returncode == -signal.SIGKILL


def read_weights(checkpoint: Path) -> dict[str, torch.Tensor]:
    weights: dict[str, torch.Tensor] = torch.load(checkpoint, weights_only=True)["state_dict"]
    return weights


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    simulate.main(["--output", str(folder), "--windows", "12", "--signers", "4"])
    return folder


@pytest.fixture(scope="module")
def whole(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of five epochs that nobody disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    done = run_training(made, folder, "--max_epochs", "5")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize(
    "architecture, normalization", [("ensemble", "image"), ("bigru", "image"), ("seed", "hand_box")]
)
def test_a_training_run_ends_in_a_model_that_answers(
    made: Path, tmp_path: Path, architecture: str, normalization: str
) -> None:
    done = run_training(made, tmp_path, "--max_epochs", "3", "--architecture", architecture, "--licence", "made")
    assert done.returncode == 0, done.stderr
    checkpoint = done.stdout.splitlines()[-1]
    export_onnx.main(["--checkpoint", checkpoint, "--output", str(tmp_path / "model" / "model.onnx"), "--name", "made"])

    session = ModelSession.open(tmp_path / "model")
    card = session.card
    assert card.class_labels == tuple(sorted([*GESTURES, "none"])), "the background is mixed in"
    assert (card.seq_len, card.min_seq_len, card.feature_dim, card.normalization) == (30, 6, 84, normalization)
    assert card.training.licence == "made"
    assert "validated on made_" in card.training.split
    assert card.training.command.startswith("python -m training.train_gru --data_dir")
    assert list(tmp_path.glob("csv/*/metrics.csv")) and list(tmp_path.glob("tensorboard/*/events.*"))


def test_the_recipe_learns_made_gestures_of_made_signers_it_never_saw(whole: Path) -> None:
    assert accuracy_on_strangers(read_checkpoint(whole / "best.ckpt")) > 0.9


def accuracy_on_strangers(checkpoint: Checkpoint) -> float:
    """Share of windows of two made signers, whom no data set here has, that a network gets right."""
    strangers = make_windows(windows_each=10, signers=2, frames=24, seed=99)
    hands = drop_z(np.asarray(strangers["hands"], dtype=np.float32))
    with torch.no_grad():
        logits = checkpoint.network(torch.from_numpy(hands), torch.from_numpy(compute_presence(hands)))
    found = np.asarray(checkpoint.metadata.class_labels)[logits.argmax(dim=-1).numpy()]
    return float((found == strangers["label"]).mean())


def test_a_killed_run_resumes_and_ends_with_the_weights_it_would_have_had(
    made: Path, whole: Path, tmp_path: Path
) -> None:
    run_until_killed(made, tmp_path, "--max_epochs", "5", after_epoch=3)
    resumed = run_training(made, tmp_path, "--max_epochs", "5", "--resume")
    assert resumed.returncode == 0, resumed.stderr
    told = [line.split()[1] for line in resumed.stderr.splitlines() if line.startswith("epoch ")]
    assert told[-1] == "5/5"
    assert "1/5" not in told, "it did not go on, it began again"
    for name in ("best.ckpt", "last.ckpt"):
        expected, found = read_weights(whole / name), read_weights(tmp_path / name)
        assert all(torch.equal(expected[key], found[key]) for key in expected), name


def test_a_run_does_not_resume_with_other_settings(made: Path, whole: Path) -> None:
    other = run_training(made, whole, "--max_epochs", "5", "--seed", "1", "--resume")
    assert other.returncode == 1
    assert "was trained with seed = 0, expected 1" in other.stderr.splitlines()[-1]


def checkpoint_bytes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.ckpt"))}


def test_a_new_run_moves_the_one_before_aside_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = TrainingRun(str(tmp_path), {"seed": 0})
    torch.save({"run": {"seed": 0}}, tmp_path / "last.ckpt")
    (tmp_path / "best.ckpt").write_bytes(b"the only copy")
    assert run.last_checkpoint() == f"{tmp_path}/last.ckpt"
    before = checkpoint_bytes(tmp_path)
    run.clear_checkpoints()
    assert run.last_checkpoint() is None
    assert checkpoint_bytes(tmp_path) == {"best-1.ckpt": before["best.ckpt"], "last-1.ckpt": before["last.ckpt"]}
    assert f"{tmp_path}/best-1.ckpt" in capsys.readouterr().err

    (tmp_path / "best.ckpt").write_bytes(b"the second one")
    run.clear_checkpoints()
    kept = {"best-1.ckpt": b"the only copy", "best-2.ckpt": b"the second one", "last-1.ckpt": before["last.ckpt"]}
    assert checkpoint_bytes(tmp_path) == kept


def test_a_new_run_moves_the_one_before_aside_at_a_uri_too(capsys: pytest.CaptureFixture[str]) -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe_file("/aside/best.ckpt", b"the only copy")
    TrainingRun("memory://aside", {}).clear_checkpoints()
    assert memory.cat_file("/aside/best-1.ckpt") == b"the only copy"
    assert not memory.exists("/aside/best.ckpt")
    assert "memory://aside/best-1.ckpt" in capsys.readouterr().err


def test_a_run_does_not_resume_on_other_data_of_the_same_size(made: Path, whole: Path, tmp_path: Path) -> None:
    with np.load(made / "made.npz") as arrays:
        columns = {name: arrays[name] for name in ("hands", "label", "signer")}
    columns["hands"][0, 0, 0] += 0.001
    np.savez(tmp_path / "made.npz", **columns)
    with pytest.raises(SystemExit, match="was trained with data = "):
        train_gru.main(command_for(tmp_path, whole, "--max_epochs", "5", "--resume")[3:])


def test_recordings_of_one_sitting_end_with_the_ways_out(tmp_path: Path) -> None:
    made = make_windows(windows_each=2, signers=1, frames=8, seed=0)
    made["session"] = np.full(8, "monday")
    np.savez(tmp_path / "ana.npz", **made)  # type: ignore[arg-type]
    with pytest.raises(SystemExit) as ended:
        train_gru.main(["--data_dir", str(tmp_path), "--storage_path", str(tmp_path / "run")])
    said = str(ended.value)
    for way_out in ("record a second person", "a second session", "--split random", "--split none"):
        assert way_out in said, said
    data = read_data(tmp_path, "random", seed=0)
    assert data.validation is not None and (len(data.train), len(data.validation)) == (7, 1)
    assert data.split.endswith("its figures say nothing about people never seen")
    assert read_data(tmp_path, "none", seed=0).validation is None


@pytest.mark.parametrize("flag", ["max_epochs", "batch_size", "patience", "num_workers", "threads", "cpus_per_worker"])
@pytest.mark.parametrize("value", ["0", "-1", "nan", "many"])
def test_a_number_that_trains_nothing_is_refused(
    tmp_path: Path, flag: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "best.ckpt").write_bytes(b"the only copy")
    with pytest.raises(SystemExit):
        train_gru.main(["--data_dir", str(tmp_path), "--storage_path", str(tmp_path), f"--{flag}", value])
    assert f"argument --{flag}: '{value}' found, expected " in capsys.readouterr().err
    assert (tmp_path / "best.ckpt").read_bytes() == b"the only copy"


def test_a_checkpoint_that_would_run_code_is_not_resumed_from(tmp_path: Path) -> None:
    torch.save({"run": tmp_path}, tmp_path / "last.ckpt")
    with pytest.raises(RunError, match="can't be resumed from"):
        TrainingRun(str(tmp_path), {}).last_checkpoint()


def test_a_run_that_gets_no_better_stops_early_and_keeps_its_best(made: Path, tmp_path: Path) -> None:
    done = run_training(made, tmp_path, "--max_epochs", "40", "--patience", "1")
    assert done.returncode == 0, done.stderr
    told = [line.split() for line in done.stderr.splitlines() if line.startswith("epoch ")]
    losses = [float(words[words.index("val_loss") + 1]) for words in told]
    assert len(losses) < 40
    assert losses[-1] > losses[-2] == min(losses)
    last, best = (torch.load(tmp_path / name, weights_only=True)["epoch"] for name in ("last.ckpt", "best.ckpt"))
    assert best == last - 1


def test_a_run_keeps_its_files_at_a_uri(made: Path) -> None:
    code = (
        "import sys, fsspec\n"
        "from training.train_gru import main\n"
        "main(sys.argv[1:])\n"
        "main([*sys.argv[1:], '--resume'])\n"
        "print(*fsspec.filesystem('memory').find('/bucket/run'))\n"
    )
    command = [sys.executable, "-c", code, *command_for(made, "memory://bucket/run", "--max_epochs", "1")[3:]]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=ENVIRONMENT)
    assert done.returncode == 0, done.stderr
    first, resumed, files = done.stdout.splitlines()
    assert first == resumed == "memory://bucket/run/best.ckpt"
    for name in ("/bucket/run/best.ckpt", "/bucket/run/last.ckpt", "/csv/version_0/metrics.csv", "/events.out"):
        assert name in files


def test_a_data_set_that_comes_split_is_split_so(made: Path, tmp_path: Path) -> None:
    with np.load(made / "made.npz") as arrays:
        columns = {name: arrays[name] for name in ("hands", "label", "signer")}
    back = columns["signer"] == "made_1"
    for folder, keep in (("train", ~back), ("val", back & (columns["label"] != "made-clap"))):
        (tmp_path / folder).mkdir()
        np.savez(tmp_path / folder / "windows.npz", **{name: column[keep] for name, column in columns.items()})
    data = read_data(tmp_path, None, seed=0)
    assert data.validation is not None
    assert (data.train.groups, data.validation.groups) == (("made_0", "made_2", "made_3"), ("made_1",))
    names = np.asarray(data.validation.class_labels)[data.validation.target]
    assert sorted(names) == sorted(columns["label"][back & (columns["label"] != "made-clap")])
    assert data.split == "by its folders: trained on made_0, made_2, made_3; validated on made_1"
    with pytest.raises(DataError, match="leave --split out"):
        read_data(tmp_path, "signer", seed=0)


def test_recordings_of_one_person_are_split_by_session(tmp_path: Path) -> None:
    made = make_windows(windows_each=2, signers=2, frames=8, seed=0)
    for number, session in enumerate(np.unique(made["signer"])):
        take = made["signer"] == session
        np.savez(
            tmp_path / f"{number}.npz",
            hands=made["hands"][take],
            label=made["label"][take],
            signer=np.full(take.sum(), "ana"),
            session=made["signer"][take],
            fps=np.float32(30),
        )
    data = read_data(tmp_path, None, seed=0)
    assert data.split.startswith("by session: trained on made_")
    assert data.validation is not None and len(data.validation) == 8


@pytest.mark.e2e
def test_two_workers_of_ray_train_learn_as_one_does_and_go_on_when_one_is_killed(made: Path, tmp_path: Path) -> None:
    epochs = 12
    with TemporaryDirectory(prefix="helen-") as scratch:  # short: Ray puts sockets in it
        command = command_for(
            made,
            tmp_path,
            *("--max_epochs", str(epochs), "--patience", str(epochs)),
            *("--num_workers", "2", "--cpus_per_worker", "0.5"),
        )
        environment = {**ENVIRONMENT, "RAY_ADDRESS": "local", "RAY_TMPDIR": scratch}
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
        ) as process:
            deadline = threading.Timer(240, process.kill)
            deadline.start()
            assert process.stdout is not None
            told: list[tuple[str, int]] = []
            for line in process.stdout:
                if found := re.search(rf"RayTrainWorker pid=(\d+).*epoch (\d+)/{epochs} ", line):
                    told.append((found[1], int(found[2])))
                    if len(told) == 3:
                        os.kill(int(found[1]), signal.SIGKILL)
            code = process.wait()
            deadline.cancel()
    assert code == 0
    first, second = dict.fromkeys(worker for worker, _ in told)
    went_on_at = next(epoch for worker, epoch in told if worker == second)
    assert 1 < went_on_at < epochs, f"{second} did not go on where {first} was killed"
    last = torch.load(tmp_path / "last.ckpt", weights_only=True)
    # made/ has 144 windows to train on, the background 128: two workers of 8 take 17 steps an epoch, as one of 16
    assert (last["epoch"], last["global_step"]) == (epochs - 1, epochs * 17)
    assert accuracy_on_strangers(read_checkpoint(tmp_path / "best.ckpt")) > 0.9


def test_a_folder_without_data_ends_with_a_sentence(tmp_path: Path) -> None:
    done = run_training(tmp_path, tmp_path / "out")
    assert done.returncode == 1
    assert "has no .npz file" in done.stderr.splitlines()[-1]


def test_class_weights_even_out_half_of_the_imbalance(made: Path) -> None:
    windows = read_windows(made)
    keep = (windows.target != 0) | (np.arange(len(windows)) % 4 == 0)
    rare = compute_class_weights(windows.select(keep), CONFIGS["bigru"])
    assert rare[0] / rare[1] == pytest.approx(2.0, rel=1e-5)
    assert torch.equal(compute_class_weights(windows.select(keep), CONFIGS["legacy_bigru"]), torch.ones(4))
