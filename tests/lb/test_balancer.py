"""Other settings are applied as a whole or not at all, and no connection notices."""

import socket
from pathlib import Path
from typing import Any

import pytest

from lb.load import from_document
from lb.settings import SettingsError
from tests.lb.world import World, free_address, named, until


async def name_of(world: World) -> str:
    reader, writer = await world.connect()
    name = (await reader.readline()).decode().strip()
    writer.close()
    return name


async def test_workers_come_and_go_while_a_connection_stays(world: World) -> None:
    first, second = await world.worker(named("a")), await world.worker(named("b"))
    await world.balance(first)
    reader, writer = await world.connect()
    assert await reader.readline() == b"a\n"
    port = world.port
    await world.balance(second)
    assert world.port == port
    assert [await name_of(world) for _ in range(3)] == ["b"] * 3
    writer.write(b"still here\n")
    assert await reader.readline() == b"still here\n"
    assert [worker.name for worker in world.service.pool.leaving] == [first]
    writer.close()
    await until(lambda: not world.service.pool.leaving)


async def test_a_worker_gets_another_weight(world: World) -> None:
    addresses = [await world.worker(named(name)) for name in "ab"]
    await world.balance(*addresses)
    await world.balance({"address": addresses[0], "weight": 4}, addresses[1])
    names = [await name_of(world) for _ in range(10)]
    assert (names.count("a"), names.count("b")) == (8, 2)


async def test_a_worker_that_drains_goes_on_draining(world: World) -> None:
    addresses = [await world.worker(named(name)) for name in "ab"]
    await world.balance(*addresses)
    world.target(addresses[0]).is_draining = True
    await world.balance(*addresses, policy="least_connections")
    assert await name_of(world) == "b"


async def test_another_address_is_listened_on_and_the_old_one_is_closed(world: World) -> None:
    address = await world.worker(named("a"))
    await world.balance(address)
    old, new = world.port, free_address()
    reader, writer = await world.connect()
    assert await reader.readline() == b"a\n"
    await world.balance(address, listen=new)
    assert str(world.port) == new.rpartition(":")[2]
    assert await name_of(world) == "a"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", old))
    writer.write(b"still here\n")
    assert await reader.readline() == b"still here\n"


async def test_a_service_that_is_gone_closes_its_port_and_keeps_its_connections(
    world: World,
) -> None:
    address = await world.worker(named("a"))
    await world.balance(address, name="old")
    service, port = world.service, world.balancer.port("old")
    reader, writer = await world.connect(sock=socket.create_connection(("127.0.0.1", port)))
    assert await reader.readline() == b"a\n"
    await world.balance(address)
    assert [service.settings.name for service in world.balancer.services] == ["web"]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    writer.write(b"still here\n")
    assert await reader.readline() == b"still here\n"
    assert service.connections == 1


@pytest.mark.parametrize("is_new", [True, False])
async def test_when_one_part_is_wrong_nothing_changes(
    world: World, tmp_path: Path, is_new: bool
) -> None:
    address = await world.worker(named("a"))
    await world.balance(address)
    port = world.port
    with socket.create_server(("127.0.0.1", 0)) as taken:
        wrong: dict[str, Any] = (
            {"listen": f"127.0.0.1:{taken.getsockname()[1]}"}
            if is_new
            else {"certificate_file": str(tmp_path / "no"), "key_file": str(tmp_path / "no")}
        )
        workers = [{"address": free_address()}]
        services = [
            {"name": "web", "listen": "127.0.0.1:0", "worker": workers},
            {"name": "other", "listen": "127.0.0.1:0", "worker": workers},
            {"name": "wrong", "listen": "127.0.0.1:1", "worker": workers} | wrong,
        ]
        with pytest.raises(SettingsError, match="service wrong: ") as refused:
            await world.balancer.apply(from_document({"service": services}, "the test"))
    assert ("Address already in use" if is_new else "No such file") in str(refused.value)
    assert [service.settings.name for service in world.balancer.services] == ["web"]
    assert (world.port, await name_of(world)) == (port, "a")


async def test_settings_that_come_after_the_end_change_nothing(world: World) -> None:
    address = await world.worker(named("a"))
    await world.balance(address)
    world.balancer.end_by(0.0)
    await world.balancer.ended()
    await world.balance(address, listen=free_address())
    assert world.service.settings.listen == "127.0.0.1:0"
