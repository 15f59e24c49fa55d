"""What keeps the service from starting is said in one sentence."""

import socket
from pathlib import Path

from serve_app.lifecycle.preflight import trouble_with


def config_for(tmp_path: Path, port: int) -> Path:
    path = tmp_path / "serve_config.yaml"
    path.write_text(f"http_options: {{host: 127.0.0.1, port: {port}}}\n")
    return path


def test_a_port_that_is_taken_is_named_and_a_free_one_is_no_trouble(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        config = config_for(tmp_path, other.getsockname()[1])
        assert f"127.0.0.1:{other.getsockname()[1]} can't be listened on" in str(trouble_with(config))
    assert trouble_with(config) is None


def test_a_file_that_is_no_config_is_named(tmp_path: Path) -> None:
    (tmp_path / "list.yaml").write_text("[1, 2]")
    for path in (tmp_path / "list.yaml", tmp_path / "absent.yaml"):
        assert f"{path} is no Serve config" in str(trouble_with(path))
