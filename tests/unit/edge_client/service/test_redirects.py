"""No transport follows a redirect: the key and the hands go to the address in the settings, and to nobody else."""

import logging

import pytest

from edge_client.publisher import Publisher
from edge_client.service.http_client import ServiceClient
from edge_client.service.replies import ServiceError
from edge_client.service.stream_client import StreamClient
from edge_client.settings import Cloud, Publish
from testkit.edge.http_service import Reply, Request, http_service
from testkit.waiting import wait_until
from tests.unit.edge_client.service.test_odd_answers import window_at
from tests.unit.edge_client.test_publisher import event


@pytest.mark.parametrize("transport", ["http", "stream"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_transport_follows_a_redirect_and_both_say_where_it_leads(transport: str, status: int) -> None:
    with http_service(lambda _: Reply()) as other:
        for location in (other.url + "/steal", other.url.replace("http", "ws") + "/steal"):
            with http_service(lambda _, to=location: Reply(status, headers={"Location": to})) as service:  # type: ignore[misc]
                settings = Cloud(url=service.url, api_key="secret", retries=1)
                client = ServiceClient(settings) if transport == "http" else StreamClient(settings)
                host = other.url.removeprefix("http://")
                with pytest.raises(ServiceError, match=f"answered {status}, a redirect to .*{host}: .* not followed"):
                    client.predict_window(window_at(1.0), 5.0)
                client.close()
                assert [request.headers.get("X-API-Key") for request in service.requests] == ["secret"]
        assert other.requests == []


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("https://other.example/predict?key=1", "https://other.example"),
        ("//other.example:81/", "other.example:81"),
        ("http://ana:secret@other.example", "http://other.example"),
        ("/login", "another path of its own"),
        ("", "nowhere"),
        ("http://[::1", "an address that is none"),
        ("http://other.example:99999999/", "an address that is none"),
    ],
)
def test_where_a_redirect_leads_is_said_without_what_is_nobodys_business(location: str, target: str) -> None:
    with http_service(lambda _: Reply(302, headers={"Location": location})) as service:
        with pytest.raises(ServiceError) as fault:
            ServiceClient(Cloud(url=service.url, retries=0)).get_metadata()
        assert str(fault.value) == (
            f"GET {service.url}/metadata answered 302, a redirect to {target}: redirects are not followed"
        )
        assert fault.value.status == 302


def test_an_event_is_not_carried_to_another_host(caplog: pytest.LogCaptureFixture) -> None:
    def answer(_: Request) -> Reply:
        return Reply(307, headers={"Location": other.url})

    with http_service(lambda _: Reply()) as other, http_service(answer) as backend:
        with caplog.at_level(logging.WARNING), Publisher(Publish(url=backend.url)) as publisher:
            publisher.publish(event())
            wait_until(lambda: publisher.delivery.failed == 1)
        assert other.requests == []
    assert f"answered 307, a redirect to {other.url}: redirects are not followed" in caplog.text
