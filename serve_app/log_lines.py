"""JsonLines: the log as one JSON object a line, for what collects logs. ``HELEN_LOG_FORMAT=json`` asks for it."""

import logging
from datetime import UTC, datetime

import msgspec


class JsonLines(logging.Formatter):
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
