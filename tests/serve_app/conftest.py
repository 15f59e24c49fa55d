"""What tests of the service may ask for."""

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture
def service_log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """What the service logs, whether or not an earlier test gave its logger a handler of its own."""
    package = logging.getLogger("serve_app")
    before = package.handlers, package.propagate, package.level
    package.handlers, package.propagate = [caplog.handler], False
    package.setLevel(logging.INFO)
    yield caplog
    package.handlers, package.propagate = before[:2]
    package.setLevel(before[2])
