"""Files that take an earlier one's place only when they are whole: an interrupted command leaves what was there."""

import os
from collections.abc import Mapping
from pathlib import Path

from landmarks.models.card import CARD_FILE, ModelCard, encode_card


def write_whole(contents: Mapping[Path, bytes]) -> None:
    """Write files beside their places, then rename all of them; folders are made.

    Raises:
        OSError: one can't be written; then none has changed.
    """
    partials = {path: path.with_name(f".{path.name}.{os.getpid()}.partial") for path in contents}
    try:
        for path, data in contents.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            partials[path].write_bytes(data)
        for path, partial in partials.items():
            partial.replace(path)
    finally:
        for partial in partials.values():
            partial.unlink(missing_ok=True)


def write_model(output: Path, model: bytes, card: ModelCard) -> None:
    """Write a model file, and its ``card.json`` beside it."""
    write_whole({output: model, output.parent / CARD_FILE: encode_card(card)})
