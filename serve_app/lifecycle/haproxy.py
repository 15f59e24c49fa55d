"""The HAProxy that Ray Serve runs in front of the ingress replicas, spoken to on its admin socket.

Serve itself only ever kills it, with every request that is under way in it.
"""

import csv
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Final

# Serve's own: where the socket is (each node has a folder of its own beneath), and what the way in is called.
SOCKET_VARIABLE: Final = "RAY_SERVE_HAPROXY_SOCKET_PATH"
SOCKET: Final = "/tmp/haproxy-serve/admin.sock"  # noqa: S108
FRONTEND: Final = "http_frontend"
ANSWER_S: Final = 2.0


@dataclass(frozen=True)
class HAProxy:
    """One HAProxy, by the path of its admin socket. Its methods raise OSError where it doesn't answer."""

    path: Path

    def close_port(self) -> None:
        """Refuse every further connection. A kept one ends with its next answer, or when the process does."""
        self._ask(f"disable frontend {FRONTEND}")  # or the kernel would go on accepting for nobody
        self._ask(f"shutdown frontend {FRONTEND}")

    def count_requests(self) -> int:
        """How many requests and WebSockets it has handed to replicas and not seen the end of."""
        rows = csv.DictReader(self._ask("show stat").removeprefix("# ").splitlines())
        return sum(int(row["scur"] or 0) for row in rows if row["svname"] == "BACKEND")

    def _ask(self, command: str) -> str:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(ANSWER_S)
            connection.connect(str(self.path))
            connection.sendall(f"{command}\n".encode())
            answer = b""
            while received := connection.recv(65_536):
                answer += received
        return answer.decode(errors="replace")


def find_proxies(node: str = "*") -> list[HAProxy]:
    """Those of a Ray node, by its id, or of every node that runs or ran on this machine."""
    path = Path(os.environ.get(SOCKET_VARIABLE, SOCKET))
    return [HAProxy(each) for each in path.parent.glob(f"{node}/{path.name}")]
