"""A way to a server that breaks in the middle of what goes over it, again and again."""

import contextlib
import select
import socket
import threading
from collections.abc import Iterator

HOST = "127.0.0.1"


@contextlib.contextmanager
def breaking_relay(to_port: int) -> Iterator[tuple[int, list[int]]]:
    """A way to the broker that breaks after some packets, now in one direction and now in the other; and its breaks."""
    breaks: list[int] = []
    ended = threading.Event()

    def relay(here: socket.socket, there: socket.socket, packets: int) -> None:
        """Pass on what comes from either side until the last packet, which is lost."""
        while True:
            readable, _, _ = select.select([here, there], [], [], 0.1)
            for side in readable:
                data = side.recv(65536)
                packets -= 1
                if not data or not packets:
                    return
                (there if side is here else here).sendall(data)
            if ended.is_set():
                return

    with socket.create_server((HOST, 0)) as server:
        server.settimeout(0.1)

        def serve() -> None:
            while not ended.is_set():
                with contextlib.suppress(TimeoutError, OSError):
                    here, _ = server.accept()
                    with here, socket.create_connection((HOST, to_port)) as there:
                        relay(here, there, packets=13 + len(breaks) % 11)
                        breaks.append(1)

        serving = threading.Thread(target=serve)
        serving.start()
        try:
            yield server.getsockname()[1], breaks
        finally:
            ended.set()
            serving.join()
