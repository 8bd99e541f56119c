"""The client of processes that come and go, on a real broker."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from brokers import MakeMosquitto, Mosquitto
from paho.mqtt.client import MQTTv5, MQTTv311
from waiting import wait_until

from edge_agent.rollout import mqtt
from edge_agent.rollout.broker import Broker
from edge_agent.rollout.mqtt import BrokerClient, BrokerError, connected

FENCE = "edge/v1/repo/fence"
Heard = list[tuple[str, bytes]]


def broker_at(port: int, username: str | None = None) -> Broker:
    return Broker(host="127.0.0.1", port=port, username=username)


def filled(client: BrokerClient, n: int) -> dict[str, bytes]:
    """Have the broker keep ``n`` messages."""
    messages = {f"edge/v1/repo/targets/{i}": f"{i}".encode() for i in range(n)}
    for topic, payload in messages.items():
        client.publish(topic, payload)
    client.flush()
    return messages


def test_all_that_is_retained_is_read_to_its_end_and_nothing_else(mosquitto: Mosquitto) -> None:
    with connected(broker_at(mosquitto.port), "test") as client:
        messages = filled(client, 300)
        client.publish("edge/v1/other", b"no")
        client.flush()
        assert client.collect("edge/v1/repo/targets/+", FENCE) == messages
        assert client.collect("edge/v1/nothing/#", FENCE) == {}
        assert client.collect(FENCE, FENCE) == {}


def test_where_a_broker_drops_what_is_too_much_the_rest_is_returned(
    make_mosquitto: MakeMosquitto,
) -> None:
    port = make_mosquitto("allow_anonymous true", "max_queued_messages 5").port
    with connected(broker_at(port), "test") as client:
        messages = filled(client, 100)
        found = client.collect("edge/v1/repo/targets/+", FENCE, quiet_s=1.0)
        assert found.items() <= messages.items()
        assert 0 < len(found) < 100


def test_what_is_not_there_is_waited_for_no_longer_than_asked(mosquitto: Mosquitto) -> None:
    with connected(broker_at(mosquitto.port), "test") as client:
        filled(client, 1)
        assert client.fetch("edge/v1/repo/targets/0", 60.0) == b"0"
        assert client.fetch("edge/v1/repo/targets/1", 0.1) is None


def test_a_broker_that_goes_away_is_an_error_for_whoever_waits(mosquitto: Mosquitto) -> None:
    def all_of(client: BrokerClient) -> list[Callable[[], object]]:
        return [
            lambda: client.publish("edge/v1/a", b"x"),
            lambda: client.subscribe("edge/v1/a", lambda _topic, _payload: None),
            lambda: client.fetch("edge/v1/a", 60.0),
            lambda: client.collect("edge/v1/#", FENCE),
        ]

    with connected(broker_at(mosquitto.port), "test") as client:
        mosquitto.stop()
        assert wait_until(lambda: client.lost is not None)
        for wait in all_of(client):
            with pytest.raises(BrokerError, match="the connection was lost"):
                wait()


def test_a_message_longer_than_the_broker_takes_is_refused_before_it_is_sent(
    make_mosquitto: MakeMosquitto,
) -> None:
    port = make_mosquitto("allow_anonymous true", "max_packet_size 2000").port
    with connected(broker_at(port), "test") as client:
        most = client.payload_bytes_max("edge/v1/a")
        assert most is not None
        client.publish("edge/v1/a", b"x" * most)
        client.flush()
        with pytest.raises(BrokerError, match="packets of 2000 at most"):
            client.publish("edge/v1/a", b"x" * (most + 1))
        assert client.fetch("edge/v1/a", 60.0) == b"x" * most


def test_what_the_access_list_refuses_is_said(
    make_mosquitto: MakeMosquitto, tmp_path: Path
) -> None:
    access = tmp_path / "acl"
    access.write_text("topic readwrite edge/v1/mine\n")
    port = make_mosquitto("allow_anonymous true", f"acl_file {access}").port
    with connected(broker_at(port), "test") as client:
        client.publish("edge/v1/mine", b"x")
        client.flush()
        client.publish("edge/v1/theirs", b"x")
        with pytest.raises(BrokerError, match="Not authorized"):
            client.flush()


def test_wrong_credentials_are_refused_without_showing_them(
    make_mosquitto: MakeMosquitto,
) -> None:
    port = make_mosquitto("allow_anonymous false").port
    broker = Broker(host="127.0.0.1", port=port, username="anna", password="secret")
    with pytest.raises(BrokerError, match="refuses the connection") as raised:
        BrokerClient(broker, "test").open()
    assert "secret" not in str(raised.value)


def test_messages_of_all_subscriptions_come_in_order(mosquitto: Mosquitto) -> None:
    heard: Heard = []
    broker = broker_at(mosquitto.port)
    with connected(broker, "test") as listener, connected(broker, "test") as speaker:
        listener.subscribe("edge/v1/+/update", lambda topic, body: heard.append((topic, body)))
        for i in range(100):
            speaker.publish(f"edge/v1/gw-{i % 3}/update", f"{i}".encode(), retain=False)
        speaker.flush()
        assert wait_until(lambda: len(heard) == 100)
    assert [int(body) for _, body in heard] == list(range(100))


def test_an_old_broker_is_spoken_to_in_its_own_protocol(old_broker: int) -> None:
    with connected(broker_at(old_broker), "test") as client:
        assert client.packet_bytes_max is None
        filled(client, 1)
        assert client.fetch("edge/v1/repo/targets/0", 60.0) == b"0"


@contextmanager
def silent_at_first(port: int, times: int) -> Iterator[tuple[int, list[bytes]]]:
    """Stand before the broker at ``port`` and answer nothing so many times.

    Yields where to connect, and what each connection said first.
    """
    said: list[bytes] = []

    def carry(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):  # one of the two has gone
            while data := source.recv(4096):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def serve(server: socket.socket) -> None:
        for _ in range(times):
            with server.accept()[0] as client:
                said.append(client.recv(4096))
                while client.recv(4096):
                    pass
        with server.accept()[0] as client, socket.create_connection(("127.0.0.1", port)) as broker:
            said.append(client.recv(4096))
            broker.sendall(said[-1])
            back = threading.Thread(target=carry, args=(broker, client))
            back.start()
            carry(client, broker)
            back.join()

    def serve_to_the_end(server: socket.socket) -> None:
        with contextlib.suppress(OSError):  # the test has ended before
            serve(server)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve_to_the_end, args=(server,))
        thread.start()
        try:
            yield server.getsockname()[1], said
        finally:
            with contextlib.suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)  # wakes who waits there
            thread.join()


def test_a_slow_broker_is_not_taken_for_an_old_one(
    mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = ((MQTTv5, 0.2), (MQTTv311, 0.2), (MQTTv5, 60.0))
    monkeypatch.setattr(mqtt, "_ATTEMPTS", attempts)
    with (
        silent_at_first(mosquitto.port, 2) as (port, said),
        connected(broker_at(port), "test") as c,
    ):
        assert filled(c, 1)
    assert [hello[hello.index(b"MQTT") + 4] for hello in said] == [5, 4, 5]
