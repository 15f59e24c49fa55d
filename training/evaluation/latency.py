"""What one window costs a network: multiply-accumulates, and microseconds in ONNX Runtime on one core."""

import time
from typing import Final

import numpy as np
import onnxruntime as ort
from torch import nn

from training.engine.export import get_signature, to_onnx
from training.networks.architectures import GESTURE_NETWORKS, Network, build_architecture

FRAMES: Final = 30
LABELS: Final = 34


def count_multiply_accumulates(network: nn.Module, frames: int) -> int:
    """Those of the recurrent, convolutional and linear layers for one window; features and norms are small change."""
    count = 0
    for module in network.modules():
        if isinstance(module, nn.GRU):
            directions = 2 if module.bidirectional else 1
            for layer in range(module.num_layers):
                width = module.input_size if layer == 0 else directions * module.hidden_size
                count += frames * directions * 3 * module.hidden_size * (width + module.hidden_size)
        elif isinstance(module, nn.Conv1d):
            count += frames * module.in_channels * module.out_channels * module.kernel_size[0]
        elif isinstance(module, nn.Linear):
            count += module.in_features * module.out_features
    return count


def measure_latency_us(network: Network, batch: int, *, duration_s: float = 1.0) -> float:
    """Median time of one window of 30 frames in a batch of ``batch``, in ONNX Runtime with one thread."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(to_onnx(network), options, providers=["CPUExecutionProvider"])
    feed = get_signature(network).make_feed(batch, FRAMES, np.random.default_rng(0))
    times, end = [], time.perf_counter() + duration_s
    while time.perf_counter() < end:
        start = time.perf_counter()
        session.run(None, feed)
        times.append(time.perf_counter() - start)
    return float(np.median(times)) / batch * 1e6


def format_costs() -> list[str]:
    """A line for each architecture, at 34 labels: measured in this process, on this machine."""
    lines = ["cost of a window of 30 frames, ONNX Runtime, one thread, this machine:"]
    for name in GESTURE_NETWORKS:
        network = build_architecture(name, LABELS).eval()
        alone, in_batch = (measure_latency_us(network, batch) for batch in (1, 32))
        millions = count_multiply_accumulates(network, FRAMES) / 1e6
        lines.append(
            f"  {name:12s}{millions:5.1f} MMAC   {alone:5.0f} µs alone   {in_batch:5.0f} µs each in a batch of 32"
        )
    return lines
