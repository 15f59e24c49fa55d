"""What an answered window is, whoever answered it. Shared by ``live.py``, ``fallback.py`` and ``pipeline.py``."""

from dataclasses import dataclass
from typing import Literal

from edge_client.windows import Window
from landmarks.hands import Array

AnsweredBy = Literal["cloud", "device"]


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """``probabilities`` float32, one for each of ``labels``, for ``window``; ``took_ms`` as its asker saw it."""

    window: Window
    labels: tuple[str, ...]
    probabilities: Array
    source: AnsweredBy
    took_ms: float
    model_version: str
