"""Gesture checkpoints: what training writes and the source system's ``.pt`` layout, read without running their code.

Gives a network and what its card needs. Doesn't import Lightning: the service converts a ``.pt`` through here.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import torch
from torch import Tensor

from landmarks.hands import feature_dim
from landmarks.models.card import Normalization, Training
from training.engine.torch_files import TorchFileError, read_plain
from training.networks.architectures import KINDS, Network
from training.networks.bigru import GestureGRU, GRUConfig, LegacyGRU
from training.networks.ensemble import EnsembleConfig, GestureEnsemble
from training.networks.tcn import GestureTCN, TCNConfig

# The service's clients send partial windows from 6 frames up.
MIN_SEQ_LEN = 6

Sizes = TypeVar("Sizes", EnsembleConfig, GRUConfig, TCNConfig)


class CheckpointError(Exception):
    """A checkpoint can't be used; the message says what was found and what was expected."""


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What a checkpoint says about its network, for the card."""

    class_labels: tuple[str, ...]
    seq_len: int
    min_seq_len: int
    use_z: bool
    normalization: Normalization
    training: Training


@dataclass(frozen=True)
class Checkpoint:
    """A network with its weights, in evaluation mode, and what is known about it."""

    network: Network
    about: About

    @property
    def architecture(self) -> str:
        return next(name for name, kind in KINDS.items() if isinstance(self.network, kind))


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint of ``train_gru`` or of the source system.

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
        if "helen" in content:
            return _trained_here(content)
        return _source_system(content, path)
    except Exception as error:  # what isn't laid out so raises whatever its layout makes Python and torch raise
        found = f"no {error}" if isinstance(error, KeyError) else " ".join(str(error).split())
        raise CheckpointError(f"{path} isn't laid out as a gesture checkpoint: {found}") from error


def _trained_here(content: dict[str, Any]) -> Checkpoint:
    helen = dict(content["helen"])
    kind, sizes = KINDS[helen.pop("architecture")], helen.pop("config")
    about = msgspec.convert(helen, About)
    weights = {name.removeprefix("network."): value for name, value in content["state_dict"].items()}

    def build() -> Network:
        if kind is LegacyGRU:
            return LegacyGRU(_config(GRUConfig, sizes))
        if kind is GestureEnsemble:
            return GestureEnsemble(_config(EnsembleConfig, sizes))
        if kind is GestureTCN:
            return GestureTCN(_config(TCNConfig, sizes))
        return GestureGRU(_config(GRUConfig, sizes))

    return Checkpoint(_load(build, weights), about)


def _source_system(content: dict[str, Any], path: Path) -> Checkpoint:
    for key in ("config", "model_state", "meta"):
        if not isinstance(content.get(key), Mapping):
            raise ValueError(f"{key} is {type(content.get(key)).__name__}, expected a dictionary")
    meta = content["meta"]
    config = _config(GRUConfig, content["config"])
    network = _load(lambda: LegacyGRU(config), _by_role(content["model_state"]))
    seq_len, use_z = meta["seq_len"], meta.get("use_z", False)
    if isinstance(seq_len, bool) or not isinstance(seq_len, int) or not 1 <= seq_len <= 100_000:
        raise ValueError(f"meta.seq_len is {seq_len!r}, expected a whole number of frames")
    if not isinstance(use_z, bool | int):
        raise ValueError(f"meta.use_z is {use_z!r}, expected true or false")
    expected = feature_dim(bool(use_z))
    if config.input_dim != expected:
        raise ValueError(f"config.input_dim is {config.input_dim}, expected {expected} with use_z {use_z}")
    about = About(
        class_labels=_labels(meta, config.num_classes),
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
    return Checkpoint(network, about)


def _load(build: Callable[[], Network], weights: Mapping[str, Tensor]) -> Network:
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


def _config(kind: type[Sizes], values: Mapping[str, Any]) -> Sizes:
    known = {field.name for field in fields(kind)}
    missing = sorted({"input_dim", "num_classes"} - set(values))
    if missing:
        raise ValueError(f"config has no {missing[0]}")
    return kind(**{name: value for name, value in values.items() if name in known})


def _by_role(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
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


def _labels(meta: Mapping[str, Any], classes: int) -> tuple[str, ...]:
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
