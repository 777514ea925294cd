"""Where the processes of a cluster are: side by side on one address, or each in a network of its own."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress

LOOPBACK = "127.0.0.1"


class OneAddress:
    """All processes on loopback."""

    servers = LOOPBACK
    """The address at which processes find the servers."""

    def address(self, node: str) -> str:
        return LOOPBACK

    def inside(self, node: str, argv: Sequence[str]) -> list[str]:
        """The command line that runs `argv` where the node is."""
        return list(argv)

    @asynccontextmanager
    async def reaching(self, ports: Iterable[int]) -> AsyncGenerator[None]:
        """Servers on loopback can be reached by the processes inside the block."""
        yield


class Namespaces:
    """A network namespace with an address of its own for each process, all of them on one bridge. Needs root.

    A process has nothing on its own loopback: whatever it reaches, it reaches over the network.
    """

    def __init__(self) -> None:
        self._mark = f"mr{os.getpid() % 100_000}"
        self._net = f"10.{100 + os.getpid() % 100}.{os.getpid() // 100 % 250}"
        self._nodes: list[str] = []
        self.servers = f"{self._net}.1"
        try:
            self._make_bridge()
        except (subprocess.SubprocessError, OSError):
            self.close()
            raise

    def _make_bridge(self) -> None:
        _ip("link", "add", f"{self._mark}b", "type", "bridge")
        _ip("address", "add", f"{self.servers}/24", "dev", f"{self._mark}b")
        _ip("link", "set", f"{self._mark}b", "up")

    def address(self, node: str) -> str:
        if node not in self._nodes:
            self._add(node)
        return f"{self._net}.{self._nodes.index(node) + 2}"

    def inside(self, node: str, argv: Sequence[str]) -> list[str]:
        self.address(node)
        return ["ip", "netns", "exec", self._name(node), *argv]

    @asynccontextmanager
    async def reaching(self, ports: Iterable[int]) -> AsyncGenerator[None]:
        async with AsyncExitStack() as stack:
            for port in ports:
                await stack.enter_async_context(Balancer([(LOOPBACK, port)], self.servers, port).serving())
            yield

    def close(self) -> None:
        for node in self._nodes:
            with suppress(subprocess.CalledProcessError):
                _ip("netns", "delete", self._name(node))
        with suppress(subprocess.CalledProcessError):
            _ip("link", "delete", f"{self._mark}b")

    def _name(self, node: str) -> str:
        return f"{self._mark}-{node}"

    def _add(self, node: str) -> None:
        number, name = len(self._nodes), self._name(node)
        self._nodes.append(node)
        _ip("netns", "add", name)
        _ip("link", "add", f"{self._mark}v{number}", "type", "veth", "peer", "name", "eth0", "netns", name)
        _ip("link", "set", f"{self._mark}v{number}", "master", f"{self._mark}b", "up")
        _ip("-n", name, "address", "add", f"{self._net}.{number + 2}/24", "dev", "eth0")
        for device in ("eth0", "lo"):
            _ip("-n", name, "link", "set", device, "up")


Network = OneAddress | Namespaces


def some_network() -> Network:
    """Namespaces where they can be made, else one address."""
    if os.geteuid() == 0 and shutil.which("ip"):
        with suppress(subprocess.SubprocessError, OSError):
            return _tried(Namespaces())
    return OneAddress()


def _tried(network: Namespaces) -> Namespaces:
    try:
        network.address("trial")
    except subprocess.SubprocessError:
        network.close()
        raise
    return network


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=20)


class Balancer:
    """One address for several servers, as a proxy gives it: a connection goes to the first that takes it, in turns."""

    def __init__(self, targets: Sequence[tuple[str, int]], host: str = LOOPBACK, port: int = 0) -> None:
        self._targets = targets
        self._turn = 0
        self._host = host
        self.port = port

    @asynccontextmanager
    async def serving(self) -> AsyncGenerator[Balancer]:
        server = await asyncio.start_server(self._serve, self._host, self.port)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._turn += 1
        for number in range(len(self._targets)):
            host, port = self._targets[(self._turn + number) % len(self._targets)]
            with suppress(OSError):
                there, back = await asyncio.open_connection(host, port)
                await asyncio.gather(_pump(reader, back), _pump(there, writer))
                return
        writer.close()


async def _pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
    target.close()
