"""What a client likes best, as its ``Accept-Encoding`` and ``Accept-Language`` say it."""

import re
from typing import Final

from serve_app.shots.advice import LANGUAGES, Language

PREFERENCE: Final = re.compile(r"\s*([a-z0-9*-]+)\s*(?:;\s*q=([01](?:\.[0-9]{0,3})?))?\s*", flags=re.ASCII)
LONGEST: Final = 1000  # characters of a header that are looked at


def parse_preferences(header: str) -> dict[str, float]:
    """What such a header names, in lower case, with its weight, 1 by default; what can't be read is left out."""
    found = map(PREFERENCE.fullmatch, header[:LONGEST].lower().split(","))
    return {each[1]: float(each[2] or 1) for each in found if each}


def preferred_language(header: str) -> Language:
    """The language of an ``Accept-Language`` header that is spoken here; Spanish where none is."""
    weights = parse_preferences(header)
    for tag in sorted(weights, key=weights.__getitem__, reverse=True):
        for language in LANGUAGES:
            if weights[tag] > 0 and tag.partition("-")[0] == language:
                return language
    return LANGUAGES[0]
