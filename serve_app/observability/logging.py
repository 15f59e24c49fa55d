"""The service's log: text, and one JSON object a line for what collects logs (``HELEN_LOG_FORMAT=json``)."""

import logging
import sys
import traceback
from datetime import UTC, datetime
from types import TracebackType

import msgspec

ExceptionInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class TextFormatter(logging.Formatter):
    """``time level logger: message``, and the traceback where there is one."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatException(self, ei: ExceptionInfo) -> str:  # noqa: N802 - the name is logging's
        """A traceback as text. ``logging`` makes it with ``print``, and Serve's replicas replace that by one that
        writes the tuple of its arguments.
        """
        return "".join(traceback.format_exception(*ei)).rstrip("\n")


class JsonFormatter(TextFormatter):
    """``time`` (UTC), ``level``, ``logger``, ``pid``, ``message``; ``request_id`` and ``exception`` where there are."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "pid": record.process,
            "message": record.getMessage(),
        }
        if (request_id := getattr(record, "request_id", None)) is not None:
            line["request_id"] = request_id
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line).decode()


def configure_logging(level: str, form: str) -> None:
    """Send the service's own log lines to the process's standard error, which Ray shows where it was started.

    ``sys.__stderr__`` is taken: on the fast path Serve turns ``sys.stderr`` into a buffered log of its own.

    Args:
        level: the lowest level that is logged.
        form: ``text`` or ``json``.
    """
    package = logging.getLogger("serve_app")
    package.setLevel(level)
    if not package.handlers:
        handler = logging.StreamHandler(sys.__stderr__)
        handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
        package.addHandler(handler)
        package.propagate = False
