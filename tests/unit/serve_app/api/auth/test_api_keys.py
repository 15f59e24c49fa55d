"""Keys that come and go while the service runs."""

import logging
import os
from pathlib import Path

import pytest

from serve_app.api.auth import api_keys
from serve_app.api.auth.api_keys import ApiKeyStore, parse_keys
from serve_app.settings import Environment


@pytest.fixture
def looks_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A ring that looks at its file at every question, so that no test waits."""
    monkeypatch.setattr(api_keys, "POLL_INTERVAL_S", 0.0)


def write(file: Path, text: str) -> None:
    """Replace a file in one step, as the documentation tells operators to."""
    new = file.with_suffix(".new")
    new.write_text(text)
    new.rename(file)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("secret\n", ["2bb80d53"]),
        ("pi-kitchen secret\n", ["pi-kitchen"]),
        ("  pi-kitchen \t secret  # until May\n\n# nothing\npi-hall other", ["pi-kitchen", "pi-hall"]),
        ("", []),
        ("# all are gone", []),
    ],
)
def test_a_key_file_has_a_key_a_line_with_or_without_a_name(text: str, names: list[str]) -> None:
    assert list(parse_keys(text).values()) == names


@pytest.mark.usefixtures("looks_each_time")
def test_a_key_that_is_added_works_and_one_that_is_removed_does_not(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    write(file, "old first\n")
    ring = ApiKeyStore(["always"], file)
    assert (ring.find_owner(b"first"), ring.find_owner(b"second")) == ("old", None)
    write(file, "old first\nnew second\n")
    assert (ring.find_owner(b"first"), ring.find_owner(b"second")) == ("old", "new")
    write(file, "new second\n")
    assert (ring.find_owner(b"first"), ring.find_owner(b"second")) == (None, "new")
    assert ring.find_owner(b"always") is not None


@pytest.mark.usefixtures("looks_each_time")
def test_a_change_in_place_of_the_same_length_is_seen_too(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("first")
    ring = ApiKeyStore((), file)
    file.write_text("other")
    status = file.stat()
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns + 1_000_000))
    assert (ring.find_owner(b"first"), ring.find_owner(b"other") is None) == (None, False)


@pytest.mark.usefixtures("looks_each_time")
def test_a_file_that_goes_away_shuts_nobody_out_and_is_read_when_it_is_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "keys"
    file.write_text("first")
    ring = ApiKeyStore((), file)
    file.unlink()
    with caplog.at_level(logging.WARNING, "serve_app.api.auth.api_keys"):
        assert ring.find_owner(b"first")
        assert ring.find_owner(b"first")
    assert len(caplog.records) == 1
    assert "the keys that it had go on" in caplog.text
    file.write_text("second")
    assert (ring.find_owner(b"first"), ring.find_owner(b"second") is None) == (None, False)


def test_the_file_is_not_looked_at_for_every_request(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("first")
    ring = ApiKeyStore((), file)
    write(file, "second")
    ring._poll_at = float("inf")
    assert ring.find_owner(b"second") is None
    ring._poll_at = 0.0
    assert ring.find_owner(b"second")


def test_a_file_without_a_key_shuts_everyone_out(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("# all are gone\n")
    ring = ApiKeyStore((), file)
    assert ring
    assert ring.find_owner(b"") is None
    assert not ApiKeyStore()


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_file_that_cannot_be_read_at_the_start_is_an_error_that_names_it(
    tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "keys"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ValueError, match=f"HELEN_API_KEYS_FILE is {file}, which can't be read"):
        ApiKeyStore((), file)


def test_the_ring_holds_no_key(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("pi very-secret")
    assert "very-secret" not in repr(vars(ApiKeyStore(["also-secret"], file)))
    assert "also-secret" not in repr(vars(ApiKeyStore(["also-secret"], file)))


@pytest.mark.parametrize(("given", "file"), [("/etc/helen/keys", Path("/etc/helen/keys")), ("", None)])
def test_the_file_is_named_by_the_environment(monkeypatch: pytest.MonkeyPatch, given: str, file: Path | None) -> None:
    monkeypatch.setenv("HELEN_API_KEYS_FILE", given)
    assert Environment().api_keys_file == file
