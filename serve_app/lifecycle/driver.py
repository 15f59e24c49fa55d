"""What ``serve run`` does for Helen beside Ray's own part: say why it can't start, say where it answers, stop in order.

Ray calls ``attach`` in the process that is about to start or join a cluster, since ``RAY_RUNTIME_ENV_HOOK`` of
``deploy/shell.sh`` names it. In any other program than ``serve run`` it does nothing.
"""

import json
import os
import signal
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any, Final

from serve_app.lifecycle.preflight import http_options, trouble_with
from serve_app.lifecycle.processes import descendants, kill
from serve_app.lifecycle.shutdown import stop_service

HOOK: Final = "RAY_RUNTIME_ENV_HOOK"
STOP_LIMIT_S: Final = 20.0  # longer than request_deadline_s: whoever waits is answered by then
EXIT_CODES: Final = {signal.SIGTERM: 0, signal.SIGINT: 130}
KNOCK_S: Final = 0.5

_stopping = threading.Event()


def attach(runtime_env: dict[str, Any] | None) -> dict[str, Any] | None:
    """Prepare the process of ``serve run CONFIG``; gives back Ray's own argument as it is.

    Raises:
        SystemExit: the service can't start here; the reason is its message.
    """
    config = find_config(sys.argv)
    if config is None or threading.current_thread() is not threading.main_thread():
        return runtime_env
    os.environ.pop(HOOK, None)  # for this process alone, not for the jobs of the cluster that it starts
    if starts_cluster(sys.argv) and (trouble := trouble_with(config)):
        sys.exit(trouble)
    for number in EXIT_CODES:
        signal.signal(number, _stop)
    threading.Thread(target=announce, args=(base_url(config),), name="announce", daemon=True).start()
    return runtime_env


def find_config(argv: Sequence[str]) -> Path | None:
    """The Serve config of a ``serve run`` command line; None for any other command, or where it names no file."""
    if Path(argv[0]).name != "serve" or argv[1:2] != ["run"]:
        return None
    return next((Path(word) for word in argv[2:] if word.endswith((".yaml", ".yml")) and Path(word).is_file()), None)


def starts_cluster(argv: Sequence[str]) -> bool:
    """Whether ``serve run`` starts a cluster of its own here, and doesn't join one that it was told of."""
    named = any(word in ("-a", "--address") or word.startswith("--address=") for word in argv)
    return not named and os.environ.get("RAY_ADDRESS", "local") == "local"


def base_url(config: Path) -> str:
    """Where the service of a Serve config answers, seen from this machine."""
    host, port = http_options(config)
    return f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"  # noqa: S104 - compared, not bound


def announce(url: str) -> None:
    """Wait until every model answers, then print the one line that says where."""
    while not _stopping.is_set():
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=5) as answer:  # noqa: S310 - our own http URL
                if json.load(answer)["status"] == "ok" and not _stopping.is_set():
                    say(f"ready: {url}")
                    return
        except (OSError, ValueError, KeyError, TypeError):
            pass  # nobody listens yet, or no model answers yet
        time.sleep(KNOCK_S)


def say(sentence: str) -> None:
    """One line on the console, whatever else writes there; safe in a signal handler."""
    os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, f"{sentence}\n".encode())


def _stop(number: int, _: FrameType | None) -> None:
    """Handle SIGTERM and Ctrl-C: stop in order, and leave at once on the next of either."""
    _stopping.set()
    code = EXIT_CODES[signal.Signals(number)]
    family = descendants(os.getpid())

    def leave(*_: object) -> None:
        kill([*family, *descendants(os.getpid())])
        os._exit(code)

    for each in EXIT_CODES:
        signal.signal(each, leave)
    say("stopping: requests under way are answered first; Ctrl-C again stops at once")
    # In a thread, since the main one may be anywhere in Ray, and with a limit, since Ray has none.
    worker = threading.Thread(target=stop_service, name="stop", daemon=True)
    worker.start()
    worker.join(STOP_LIMIT_S)
    leave()
