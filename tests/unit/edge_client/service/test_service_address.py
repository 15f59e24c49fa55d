"""Where the service is: which URLs can be meant, and whose certificates are believed, over both transports."""

import contextlib
import ssl
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection

from edge_client.service.http_client import ServiceClient
from edge_client.service.replies import ServiceError
from edge_client.service.stream_client import FrameSession, StreamClient
from edge_client.settings import Cloud, SettingsError, load_settings
from landmarks.models.session import ModelSession
from testkit.edge.certificates import create_authority
from testkit.edge.http_service import Reply, build_metadata, http_service, model_answers
from testkit.edge.http_service import Request as HttpRequest
from testkit.edge.raw_peer import session_server
from testkit.model_files import build_card, linear_model, made_window
from tests.unit.edge_client.service.test_odd_answers import window_at

DEADLINE_S = 20.0


@pytest.fixture(scope="module")
def session() -> ModelSession:
    model = linear_model()
    return ModelSession(model, build_card(model))


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("http://h:8000/predict", r"ends in /predict, expected the service's base URL \(http://h:8000\)$"),
        ("http://h:8000/predict/", r"ends in /predict, expected the service's base URL \(http://h:8000\)$"),
        ("http://h/vocabularies/mine/stream", r"base URL \(http://h/vocabularies/mine\)"),
        ("http://h/vocabularies/Mine", r"names the vocabulary 'Mine', expected a-z or 0-9 first, then those, _ and -"),
        ("http://h/vocabularies/Bad%20Name", r"names the vocabulary 'Bad%20Name', expected .*, at most 64$"),
        ("http://h/vocabularies/_mine/", r"names the vocabulary '_mine', expected"),
        ("http://h/vocabularies/" + "x" * 65, r"names the vocabulary 'x{60}', expected"),
        ("http://h:8000/?key=1", r"expected no query and no fragment \(http://h:8000\)$"),
        ("http://h:8000/x#y", r"expected no query and no fragment \(http://h:8000/x\)"),
        ("http://ana:secret@h:8000", r"has a user or a password, expected neither: keys go into HELEN_API_KEY$"),
        ("http://ana@h:8000", r"has a user or a password"),
        ("http://h:99999", r"is no URL that can be asked \(Port out of range"),
        ("http://[::1", r"is no URL that can be asked "),
        ("ftp://h", r"is 'ftp://h', expected one as http://host:port/path$"),
        ("h:8000", r"expected one as http://host:port/path$"),
        ("http://", r"expected one as http://host:port/path$"),
        ("http:///predict", r"expected one as http://host:port/path$"),
        ("http://my host:8000", r"expected one as http://host:port/path$"),
        ("", r"expected one as http://host:port/path$"),
    ],
)
def test_a_url_that_cannot_be_meant_is_refused_in_words(url: str, sentence: str) -> None:
    with pytest.raises(SettingsError, match=rf"cloud\.url .*{sentence}") as fault:
        load_settings(flags={"cloud.url": url}, environment={"HELEN_API_KEY": "secret"})
    assert "secret" not in str(fault.value)


@pytest.mark.parametrize("url", ["ftp://h", "http://ana:secret@h/x", "http://h:x/"])
def test_the_publishing_url_is_looked_at_too(url: str) -> None:
    with pytest.raises(SettingsError, match=r"publish\.url ") as fault:
        load_settings(flags={"publish.url": url}, environment={})
    assert "secret" not in str(fault.value)


def test_a_publishing_url_may_have_a_query() -> None:
    url = "http://h/gesture?room=1"
    assert load_settings(flags={"publish.url": url}, environment={}).publish.url == url


@pytest.mark.parametrize("tail", ["", "/", "//", "/helen", "/helen/"])
def test_routes_are_put_behind_the_base_url(session: ModelSession, tail: str) -> None:
    usual = model_answers(session)
    base = tail.rstrip("/")

    def answer(request: HttpRequest) -> Reply:
        return usual(replace(request, path=request.path.removeprefix(base)))

    with http_service(answer) as service:
        for url in (service.url + tail, service.url.replace("http", "HTTP") + tail):
            client = ServiceClient(load_settings(flags={"cloud.url": url}, environment={}).cloud)
            client.predict(made_window(10))
            client.close()
        assert service.paths() == [f"{base}/metadata", f"{base}/predict"] * 2


@pytest.mark.parametrize("key", ["clave€", "ñ", "two\nlines", "tab\t"])
def test_a_key_that_no_header_can_carry_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(SettingsError, match=r"cloud\.api_key has a letter that no header can carry") as fault:
        load_settings(environment={"HELEN_API_KEY": key})
    assert key not in str(fault.value)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    return create_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def service(authority: tuple[Path, ssl.SSLContext], session: ModelSession) -> Iterator[str]:
    """A service behind a certificate of a private authority, which has metadata and opens sessions."""
    metadata = msgspec.json.encode(build_metadata(session.card))

    def answer(_: ServerConnection, request: Request) -> Response | None:
        if request.path.endswith("/stream"):
            return None
        headers = Headers({"Content-Length": str(len(metadata)), "Connection": "close"})
        return Response(200, "OK", headers, metadata)

    def talk(connection: ServerConnection) -> None:
        connection.recv()
        connection.send(metadata, text=True)
        with contextlib.suppress(ConnectionClosed):
            connection.recv()

    with session_server(talk, authority[1], answer) as url:
        yield url


def test_a_private_authority_is_believed_over_both_transports(
    service: str, authority: tuple[Path, ssl.SSLContext]
) -> None:
    environment = {"HELEN_CLOUD_API_URL": service, "HELEN_CLOUD_CA_FILE": str(authority[0])}
    settings = load_settings(environment=environment).cloud
    client = ServiceClient(settings)
    assert client.get_metadata().seq_len == 30
    client.close()
    opened = FrameSession(settings, time.monotonic() + DEADLINE_S)
    assert opened.metadata.seq_len == 30
    opened.close()


@pytest.mark.parametrize("transport", ["http", "stream"])
def test_an_unknown_authority_is_refused_and_the_setting_named(service: str, transport: str) -> None:
    settings = Cloud(url=service, retries=0, api_key="secret")
    client = ServiceClient(settings) if transport == "http" else StreamClient(settings)
    with pytest.raises(ServiceError, match=r"certificate verify failed.*PEM file in cloud\.ca_file"):
        client.predict_window(window_at(1.0), DEADLINE_S)
    client.close()


def test_a_ca_file_that_holds_no_certificate_is_named(tmp_path: Path) -> None:
    empty = tmp_path / "ca.pem"
    empty.write_text("no certificate")
    for path in (empty, tmp_path / "nowhere.pem", tmp_path):
        with pytest.raises(SettingsError, match=rf"cloud\.ca_file {path} can't be used: .*, expected a PEM file"):
            ServiceClient(Cloud(url="https://h", ca_file=str(path)))


def test_a_plain_service_needs_no_ca_file(tmp_path: Path, session: ModelSession) -> None:
    with http_service(model_answers(session)) as service:
        client = ServiceClient(Cloud(url=service.url, ca_file=str(tmp_path / "nowhere.pem")))
        assert client.get_metadata().seq_len == 30
        client.close()
