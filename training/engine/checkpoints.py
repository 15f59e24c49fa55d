"""Checkpoints: what training writes and the source system's ``.pt`` layout, read without running their code.

Gives a network and what its card needs. Doesn't import Lightning: the service converts a ``.pt`` through here.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
import torch
from torch import Tensor, nn

from landmarks.hands import feature_dim
from landmarks.models.card import Normalization, Training
from landmarks.shots.keypoints import SHOT_LABELS
from training.data.frame_rates import MIN_SEQ_LEN
from training.data.shot_windows import SEQ_LEN
from training.engine.torch_files import TorchFileError, read_plain
from training.networks.architectures import GESTURE_NETWORKS, NETWORK_CONFIGS, SHOT, Network, resolve_architecture
from training.networks.bigru import GRUConfig, LegacyGRU
from training.networks.shot_tcn import ShotTCN, ShotTCNConfig
from training.networks.tcn import TCNConfig

# What a checkpoint of ours describes its network under, and what earlier versions described a shot network under.
TRAINED_HERE: Final = "helen"
EARLIER_SHOT: Final = "helen_shot"

Config = TypeVar("Config", bound=GRUConfig | TCNConfig)
AnyNetwork = TypeVar("AnyNetwork", bound=nn.Module)


class CheckpointError(Exception):
    """A checkpoint can't be used; the message says what was found and what was expected."""


class CheckpointMetadata(msgspec.Struct, frozen=True, kw_only=True):
    """What a checkpoint says about its network, for the card."""

    class_labels: tuple[str, ...]
    seq_len: int
    min_seq_len: int
    use_z: bool
    normalization: Normalization
    training: Training


def make_shot_metadata(training: Training) -> CheckpointMetadata:
    """What a checkpoint of the shot network says about it."""
    return CheckpointMetadata(
        class_labels=SHOT_LABELS,
        seq_len=SEQ_LEN,
        min_seq_len=MIN_SEQ_LEN,
        use_z=False,
        normalization="image",
        training=training,
    )


@dataclass(frozen=True)
class Checkpoint:
    """A network with its weights, in evaluation mode, and what is known about it."""

    network: Network | ShotTCN
    metadata: CheckpointMetadata

    @property
    def architecture(self) -> str:
        return get_architecture(self.network)


def get_architecture(network: nn.Module) -> str:
    """The name of a network's architecture."""
    return next((name for name, kind in GESTURE_NETWORKS.items() if isinstance(network, kind)), SHOT)


def describe_network(network: Network | ShotTCN, metadata: CheckpointMetadata) -> dict[str, Any]:
    """What a checkpoint holds beside its weights: plain values, so that it is read back without unpickling code."""
    config = asdict(network.config)
    return {
        TRAINED_HERE: {"architecture": get_architecture(network), "config": config, **msgspec.to_builtins(metadata)}
    }


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint of ``train_gru``, ``train_tcn`` or the source system.

    Raises:
        CheckpointError: unreadable, holds anything but plain values and tensors, or isn't laid out as expected.
    """
    try:
        content = read_plain(path)
    except TorchFileError as error:
        raise CheckpointError(str(error)) from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} holds a {type(content).__name__}, expected a dictionary")
    try:
        if TRAINED_HERE in content:
            return _read_trained_here(content[TRAINED_HERE], content["state_dict"])
        if EARLIER_SHOT in content:
            return _read_earlier_shot(content)
        return _read_source_system(content, path)
    except Exception as error:  # what isn't laid out so raises whatever its layout makes Python and torch raise
        found = f"no {error}" if isinstance(error, KeyError) else " ".join(str(error).split())
        raise CheckpointError(f"{path} isn't laid out as a checkpoint: {found}") from error


def _read_trained_here(described: Mapping[str, Any], weights: Mapping[str, Tensor]) -> Checkpoint:
    architecture, sizes = resolve_architecture(described["architecture"]), described["config"]

    def build() -> Network | ShotTCN:
        if architecture == SHOT:
            return ShotTCN(ShotTCNConfig(**sizes))
        kind: Any = GESTURE_NETWORKS[architecture]
        network: Network = kind(_parse_config(NETWORK_CONFIGS[architecture], sizes))
        return network

    metadata = msgspec.convert(described, CheckpointMetadata)
    return Checkpoint(_load(build, {name.removeprefix("network."): value for name, value in weights.items()}), metadata)


def _read_earlier_shot(content: Mapping[str, Any]) -> Checkpoint:
    """Earlier versions of ``train_tcn`` had a key of their own, and the first of them ``state`` without a prefix."""
    metadata = make_shot_metadata(msgspec.convert(content[EARLIER_SHOT]["training"], Training))
    described = {"architecture": SHOT, "config": content[EARLIER_SHOT]["config"], **msgspec.to_builtins(metadata)}
    return _read_trained_here(described, content.get("state") or content["state_dict"])


def _read_source_system(content: dict[str, Any], path: Path) -> Checkpoint:
    for key in ("config", "model_state", "meta"):
        if not isinstance(content.get(key), Mapping):
            raise ValueError(f"{key} is {type(content.get(key)).__name__}, expected a dictionary")
    meta = content["meta"]
    config = _parse_config(GRUConfig, content["config"])
    network = _load(lambda: LegacyGRU(config), _assign_roles(content["model_state"]))
    seq_len, use_z = meta["seq_len"], meta.get("use_z", False)
    if isinstance(seq_len, bool) or not isinstance(seq_len, int) or not 1 <= seq_len <= 100_000:
        raise ValueError(f"meta.seq_len is {seq_len!r}, expected a whole number of frames")
    if not isinstance(use_z, bool | int):
        raise ValueError(f"meta.use_z is {use_z!r}, expected true or false")
    expected = feature_dim(bool(use_z))
    if config.input_dim != expected:
        raise ValueError(f"config.input_dim is {config.input_dim}, expected {expected} with use_z {use_z}")
    metadata = CheckpointMetadata(
        class_labels=_parse_labels(meta, config.num_classes),
        seq_len=seq_len,
        min_seq_len=min(MIN_SEQ_LEN, seq_len),
        use_z=bool(use_z),
        normalization="hand_box",
        training=Training(
            data="not stated in the checkpoint",
            licence="not stated in the checkpoint",
            split="not stated in the checkpoint",
            command=f"converted from {path.name}",
            date="not stated in the checkpoint",
        ),
    )
    return Checkpoint(network, metadata)


def _load(build: Callable[[], AnyNetwork], weights: Mapping[str, Tensor]) -> AnyNetwork:
    """A network around weights. It takes no memory before their shapes fit, whatever sizes the config names."""
    with torch.device("meta"):
        network = build()
    expected = network.state_dict()
    if set(expected) != set(weights):
        raise ValueError(f"{min(set(expected) ^ set(weights))} is in only one of the weights and the config's network")
    for name, value in weights.items():
        if value.shape != expected[name].shape:
            raise ValueError(f"{name} has shape {tuple(value.shape)}, the config expects {tuple(expected[name].shape)}")
        if not torch.isfinite(value).all():
            raise ValueError(f"{name} has numbers that are not finite, expected finite weights")
    network.load_state_dict({name: value.to(expected[name].dtype) for name, value in weights.items()}, assign=True)
    return network.eval()


def _parse_config(kind: type[Config], values: Mapping[str, Any]) -> Config:
    known = {field.name for field in fields(kind)}
    missing = sorted({"input_dim", "num_classes"} - set(values))
    if missing:
        raise ValueError(f"config has no {missing[0]}")
    return kind(**{name: value for name, value in values.items() if name in known})


def _assign_roles(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights under this package's names.

    The layout fixes the layers, not what they were called: a GRU's weights carry torch's own suffixes, the linear
    layer has the only other matrix, and what is left with one axis and comes before it is the normalisation.
    """
    roles: dict[str, Tensor] = {}
    for name, value in state.items():
        recurrent = re.search(r"((?:weight|bias)_[ih]h_l\d+(?:_reverse)?)$", name)
        if recurrent:
            roles[f"gru.{recurrent.group(1)}"] = value
    others = {name: value for name, value in state.items() if not re.search(r"_[ih]h_l\d+(_reverse)?$", name)}
    matrices = [name for name, value in others.items() if value.ndim == 2]
    if len(matrices) != 1 or len(others) != 4:
        raise ValueError(f"model_state has {sorted(others)} beside the GRU, expected one LayerNorm and one Linear")
    linear = matrices[0].removesuffix("weight")
    for name, value in others.items():
        layer = "linear" if name.startswith(linear) else "norm"
        roles[f"{layer}.{name.rsplit('.', 1)[-1]}"] = value
    return roles


def _parse_labels(meta: Mapping[str, Any], classes: int) -> tuple[str, ...]:
    """One name a class: ``class_labels`` as a list, or as a mapping from ``classes_numeric``; else the numbers."""
    numbers = list(meta.get("classes_numeric", range(classes)))
    if len(numbers) != classes:
        raise ValueError(f"meta.classes_numeric has {len(numbers)} classes, expected config.num_classes = {classes}")
    named = meta.get("class_labels")
    if named is None:
        labels = [str(number) for number in numbers]
    elif isinstance(named, Mapping):
        by_number = {str(number): str(label) for number, label in named.items()}
        labels = [by_number.get(str(number), str(number)) for number in numbers]
    else:
        labels = [str(label) for label in named]
    if len(labels) != classes:
        raise ValueError(f"meta.class_labels has {len(labels)} labels, expected config.num_classes = {classes}")
    if len(set(labels)) != len(labels):
        raise ValueError("meta.class_labels has a label twice, expected each label once")
    return tuple(labels)
