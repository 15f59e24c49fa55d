"""Augmentation of windows of points: what other people, cameras and trackers would have made of the same gesture.

Works on whole batches of torch tensors with a generator of its own. Called by training only; nothing here is exported.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from training.data.frame_rates import resample
from training.data.skeletons import TWO_HANDS, SkeletonLayout


@dataclass(frozen=True)
class Augmentation:
    """How far each change goes: standard deviations in the landmarks' unit or radians, unless said otherwise.

    The unit is the image's width for hands and the metre for bodies; the numbers here are for hands.
    """

    speed: float = 1.5  # playback speed, log-uniform 1/speed..speed
    shift_time: float = 0.15  # of the window's length, uniform
    warp_time: float = 0.04  # of the window's length, a sine over it
    rotation: float = 0.2
    log_scale: float = 0.15
    log_aspect: float = 0.2
    shear: float = 0.12
    shift: float = 0.05
    view: float = 0.35  # how much of relative z goes into x and into y: the camera moved around
    log_hand_size: float = 0.08
    hand_offset: float = 0.01
    shape_offset: float = 0.0064  # a person's hand: one offset a point for the whole window
    noise: float = 0.004  # the tracker: one offset a point a frame
    drop_sequences: float = 0.5  # share of windows that lose frames, and
    drop_frames: float = 0.2  # the share of frames they lose
    gap: float = 0.4  # probability that one hand is lost for a while, and
    gap_length: float = 0.3  # the longest such while, of the window's length
    one_handed: float = 0.15  # probability that the hand seen less is not seen at all
    mirror: float = 0.25  # probability of left and right swapped, x mirrored


def augment(
    sequence: Tensor,
    lengths: tuple[int, ...],
    strength: Augmentation,
    generator: torch.Generator,
    layout: SkeletonLayout = TWO_HANDS,
) -> tuple[Tensor, Tensor]:
    """Change every window of a batch in its own way.

    Args:
        sequence: raw landmarks ``(B, T, parts x points x D)``, zeros where a part is absent. D is 2 or 3; without the
            third there is no change of view.
        lengths: the output length is drawn from these once for the batch. Other than T, it is reached partly by
            playback speed and partly by cutting, or holding the first and last frame, in a share drawn per window.

    Returns:
        The layout's coordinates ``(B, length, width)`` and presence ``(B, length, parts)``; absent parts are zeros.
    """
    batch, frames = sequence.shape[:2]
    length = lengths[int(torch.randint(len(lengths), (), generator=generator))]
    points = sequence.reshape(batch, frames, layout.parts, layout.points, -1)
    points, present = resample(points, sample_times(batch, frames, length, strength, generator))
    points = _bend_space(points, strength, generator, layout)
    present = _lose_parts(present, strength, generator)
    if layout.parts == 2:
        points, present = _mirror_some(points, present, strength.mirror, generator, layout)
    return (points * present[..., None, None]).flatten(2), present


def sample_times(batch: int, frames: int, length: int, strength: Augmentation, generator: torch.Generator) -> Tensor:
    """Source times ``(B, length)`` in frames, within ``0..frames - 1``."""

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(batch, 1, generator=generator)

    speed = (frames / length) ** uniform(0, 1) * strength.speed ** uniform(-1, 1)
    steps = torch.arange(length) - (length - 1) / 2
    shift = frames * strength.shift_time * uniform(-1, 1)
    phase = torch.arange(length) / length + uniform(0, 1)
    warp = frames * strength.warp_time * uniform(-1, 1) * torch.sin(2 * math.pi * phase)
    return ((frames - 1) / 2 + steps * speed + shift + warp).clamp(0, frames - 1)


def _bend_space(points: Tensor, strength: Augmentation, generator: torch.Generator, layout: SkeletonLayout) -> Tensor:
    """Points ``(B, L, parts, N, dims)`` as another camera, another person and another tracker would give them."""
    batch, length, parts, count = points.shape[:4]

    def normal(sigma: float, *shape: int) -> Tensor:
        return sigma * torch.randn(batch, *shape, generator=generator)

    xy = points[..., :2]
    if points.shape[-1] == 3:
        xy = xy + points[..., 2:] * normal(strength.view, 1, 1, 1, 2)
    space = torch.cat([xy, points[..., 2 : layout.dims]], dim=-1)
    origin = space[..., list(layout.anchor), :].mean(dim=-2, keepdim=True)
    space = origin + (space - origin) * normal(strength.log_hand_size, 1, parts, 1, 1).exp()
    angle, aspect = normal(strength.rotation), normal(strength.log_aspect) / 2
    cos, sin, shear = angle.cos(), angle.sin(), normal(strength.shear)
    stretch = torch.stack([aspect.exp(), (-aspect).exp()], -1)
    turn = torch.eye(layout.dims).repeat(batch, 1, 1)
    turn[:, :2, :2] = torch.stack([torch.stack([cos, shear - sin], -1), torch.stack([sin, cos], -1)], -2)
    turn[:, :, :2] = turn[:, :, :2] * stretch[:, None]
    turn = turn * normal(strength.log_scale)[:, None, None].exp()
    space = (space.flatten(1, 3) - layout.centre) @ turn.mT + layout.centre
    space = space.reshape(batch, length, parts, count, layout.dims) + normal(strength.shift, 1, 1, 1, layout.dims)
    space = space + normal(strength.hand_offset, 1, parts, 1, layout.dims)
    space = space + normal(strength.shape_offset, 1, parts, count, layout.dims)
    return space + normal(strength.noise, length, parts, count, layout.dims)


def _lose_parts(present: Tensor, strength: Augmentation, generator: torch.Generator) -> Tensor:
    """Presence ``(B, L, parts)`` after frames dropped, one hand lost for a while, and the hand seen less gone."""
    batch, length, parts = present.shape

    def chance(probability: float, *shape: int) -> Tensor:
        return torch.rand(batch, *shape, generator=generator) < probability

    dropped = chance(strength.drop_sequences, 1, 1) & chance(strength.drop_frames, length, 1)
    start = torch.rand(batch, 1, generator=generator) * length
    end = start + torch.rand(batch, 1, generator=generator) * strength.gap_length * length
    frames = torch.arange(length)
    which = torch.nn.functional.one_hot(torch.randint(parts, (batch,), generator=generator), parts).bool()
    gap = ((frames >= start) & (frames < end))[..., None] & which[:, None] & chance(strength.gap, 1, 1)
    seen = present.sum(dim=1)
    weaker = torch.nn.functional.one_hot(seen.argmin(dim=-1), parts).bool()[:, None] & chance(strength.one_handed, 1, 1)
    return present * ~(dropped | gap | weaker)


def _mirror_some(
    points: Tensor, present: Tensor, probability: float, generator: torch.Generator, layout: SkeletonLayout
) -> tuple[Tensor, Tensor]:
    flip = torch.rand(len(points), generator=generator) < probability
    mirrored = torch.cat([2 * layout.centre - points[..., :1], points[..., 1:]], dim=-1).flip(2)
    return (
        torch.where(flip[:, None, None, None, None], mirrored, points),
        torch.where(flip[:, None, None], present.flip(2), present),
    )
