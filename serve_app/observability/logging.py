"""The formats of the log: text, and one JSON object a line for what collects logs (``HELEN_LOG_FORMAT=json``)."""

import logging
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
