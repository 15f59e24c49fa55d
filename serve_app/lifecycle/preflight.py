"""What would keep ``serve run`` from starting, said in one sentence before Ray says it in a hundred lines.

``make serve`` runs it first: ``python -m serve_app.lifecycle.preflight serve_config.yaml``.
"""

import socket
import sys
from pathlib import Path

import yaml

SERVE_PORT = 8000


def http_options(config: Path) -> tuple[str, int]:
    """The host and port of a Serve config.

    Raises:
        OSError, yaml.YAMLError, AttributeError: it is no Serve config.
    """
    options = yaml.safe_load(config.read_text()).get("http_options", {})
    return options.get("host", "127.0.0.1"), options.get("port", SERVE_PORT)


def trouble_with(config: Path) -> str | None:
    """Why the service of a Serve config can't start here, or None."""
    try:
        host, port = http_options(config)
    except (OSError, yaml.YAMLError, AttributeError) as error:
        return f"{config} is no Serve config: {error}"
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return (
                f"{host}:{port} can't be listened on ({error.strerror}): is the service running already? Stop what "
                f"listens there (ss -ltnp shows it), or change http_options in {config}"
            )
    return None


if __name__ == "__main__":
    if trouble := trouble_with(Path(sys.argv[1])):
        sys.exit(trouble)
