"""Augmentation of hand windows: what other people, cameras and trackers would have made of the same gesture.

Works on whole batches of torch tensors with a generator of its own. Called by training only; nothing here is exported.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from landmarks.hands import HANDS, POINTS, WRIST


@dataclass(frozen=True)
class Augmentation:
    """How far each change goes: standard deviations in image widths or radians, unless said otherwise."""

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
    hands: Tensor, lengths: tuple[int, ...], strength: Augmentation, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Change every window of a batch in its own way.

    Args:
        hands: raw landmarks ``(B, T, 126)`` or ``(B, T, 84)`` (then without change of view), zeros where absent.
        lengths: the output length is drawn from these once for the batch. Other than T, it is reached partly by
            playback speed and partly by cutting, or holding the first and last frame, in a share drawn per window.

    Returns:
        x and y ``(B, length, 84)``, and presence ``(B, length, 2)``; absent hands are zeros.
    """
    batch = hands.shape[0]
    length = lengths[int(torch.randint(len(lengths), (), generator=generator))]
    points = hands.reshape(*hands.shape[:-1], len(HANDS), POINTS, -1)
    points, present = resample(points, sample_times(batch, hands.shape[1], length, strength, generator))
    xy = _bend_space(points, strength, generator)
    present = _lose_hands(present, strength, generator)
    xy, present = _mirror_some(xy, present, strength.mirror, generator)
    return (xy * present[..., None, None]).flatten(2), present


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


def resample(points: Tensor, times: Tensor) -> tuple[Tensor, Tensor]:
    """Points ``(B, T, 2, 21, D)`` at source times ``(B, L)``: linear between two frames that both show the hand.

    Where only one of the two frames shows it, the nearer frame decides whether it is there and where.

    Returns:
        Points ``(B, L, 2, 21, D)`` and presence ``(B, L, 2)``.
    """
    present = (points != 0).flatten(3).any(dim=-1)
    before = times.floor().long().clamp(max=points.shape[1] - 1)
    after = (before + 1).clamp(max=points.shape[1] - 1)
    rows = torch.arange(len(points))[:, None]
    share = (times - before)[..., None, None, None]
    nearest = torch.where(times - before < 0.5, before, after)
    between = (present[rows, before] & present[rows, after])[..., None, None]
    blended = points[rows, before] * (1 - share) + points[rows, after] * share
    return torch.where(between, blended, points[rows, nearest]), present[rows, nearest].to(points.dtype)


def _bend_space(points: Tensor, strength: Augmentation, generator: torch.Generator) -> Tensor:
    """x and y ``(B, L, 2, 21, 2)`` as another camera, another person and another tracker would give them."""
    batch, length, hands = points.shape[:3]

    def normal(sigma: float, *shape: int) -> Tensor:
        return sigma * torch.randn(batch, *shape, generator=generator)

    xy = points[..., :2]
    if points.shape[-1] == 3:
        xy = xy + points[..., 2:] * normal(strength.view, 1, 1, 1, 2)
    wrist = xy[..., WRIST : WRIST + 1, :]
    xy = wrist + (xy - wrist) * normal(strength.log_hand_size, 1, hands, 1, 1).exp()
    angle, aspect = normal(strength.rotation), normal(strength.log_aspect) / 2
    cos, sin, shear = angle.cos(), angle.sin(), normal(strength.shear)
    turn = torch.stack([torch.stack([cos, shear - sin], -1), torch.stack([sin, cos], -1)], -2)
    stretch = torch.stack([aspect.exp(), (-aspect).exp()], -1) * normal(strength.log_scale)[:, None].exp()
    xy = (xy.flatten(1, 3) - 0.5) @ (turn * stretch[:, None, :]).mT + 0.5
    xy = xy.reshape(batch, length, hands, POINTS, 2) + normal(strength.shift, 1, 1, 1, 2)
    xy = xy + normal(strength.hand_offset, 1, hands, 1, 2) + normal(strength.shape_offset, 1, hands, POINTS, 2)
    return xy + normal(strength.noise, length, hands, POINTS, 2)


def _lose_hands(present: Tensor, strength: Augmentation, generator: torch.Generator) -> Tensor:
    """Presence ``(B, L, 2)`` after frames dropped, one hand lost for a while, and the hand seen less gone."""
    batch, length, hands = present.shape

    def chance(probability: float, *shape: int) -> Tensor:
        return torch.rand(batch, *shape, generator=generator) < probability

    dropped = chance(strength.drop_sequences, 1, 1) & chance(strength.drop_frames, length, 1)
    start = torch.rand(batch, 1, generator=generator) * length
    end = start + torch.rand(batch, 1, generator=generator) * strength.gap_length * length
    frames = torch.arange(length)
    which = torch.nn.functional.one_hot(torch.randint(hands, (batch,), generator=generator), hands).bool()
    gap = ((frames >= start) & (frames < end))[..., None] & which[:, None] & chance(strength.gap, 1, 1)
    seen = present.sum(dim=1)
    weaker = torch.nn.functional.one_hot(seen.argmin(dim=-1), hands).bool()[:, None] & chance(strength.one_handed, 1, 1)
    return present * ~(dropped | gap | weaker)


def _mirror_some(xy: Tensor, present: Tensor, probability: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    flip = torch.rand(len(xy), generator=generator) < probability
    mirrored = torch.stack([1 - xy[..., 0], xy[..., 1]], dim=-1).flip(2)
    return (
        torch.where(flip[:, None, None, None, None], mirrored, xy),
        torch.where(flip[:, None, None], present.flip(2), present),
    )
