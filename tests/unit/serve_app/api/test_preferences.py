"""The language that a client likes best."""

import pytest

from serve_app.api.preferences import preferred_language


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("en", "en"),
        ("en, es", "en"),
        ("es, en", "es"),
        ("fr, en;q=0.2", "en"),
        ("EN-us", "en"),
        ("es;q=0.3, en;q=0.4", "en"),
        ("en;q=0.3, es;q=0.4", "es"),
        ("en;q=0", "es"),
        ("en;q=much", "es"),
        ("en;q=9", "es"),
        ("*", "es"),
        (";;,=,", "es"),
    ],
)
def test_the_language_that_weighs_most_is_taken(header: str, language: str) -> None:
    assert preferred_language(header) == language
