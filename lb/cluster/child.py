"""One child process: started, watched until it serves, started again when it ends."""

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Awaitable, Callable, Mapping

from lb.cluster.supervision import Supervision, Wish

LOOK_S = 0.1  # how often a child that starts is asked whether it serves
GRACE_S = 30.0  # how long a child may take to end; then it is killed
LINE_BYTES = 1024 * 1024  # a longer line of output is left out

Say = Callable[[str, str], None]


class ChildEndedError(Exception):
    """A child ended before it served; the text is a sentence."""


class Child:
    """A command that is kept running by `run`, which somebody has to await."""

    def __init__(
        self,
        name: str,
        command: list[str],
        environment: Mapping[str, str],
        serves: Callable[[], Awaitable[bool]],
        say: Say,
        announces: str = "",
    ) -> None:
        """Prepare it; nothing is started yet.

        Args:
            environment: replaces that of this process.
            serves: whether the child answers by now; asked again and again while it starts.
            say: prints one line under the child's name.
            announces: words it prints before it serves; needed where another process could answer
                in its place.
        """
        self.name = name
        self._command = [sys.executable, "-m", "lb.cluster.leash", str(os.getpid()), *command]
        self._environment = environment
        self._serves = serves
        self._say = say
        self._announces = announces
        self._supervision = Supervision()
        self._process: asyncio.subprocess.Process | None = None
        self._told_to_stop = asyncio.Event()
        self._new_life()

    def _new_life(self) -> None:
        self._served: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._ended = asyncio.Event()
        self._announced = asyncio.Event()
        if not self._announces:
            self._announced.set()

    async def run(self) -> None:
        """Start it, and start it again whenever it ends, until `stop`."""
        pause_s: float | None = 0.0
        while pause_s is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._told_to_stop.wait()
            if self._told_to_stop.is_set():
                return
            code = await self._live()
            is_asked_for = self._supervision.wish is not Wish.RUN
            pause_s = self._supervision.ended(time.monotonic())
            again = "" if is_asked_for else f"; starts again in {pause_s:g} s"
            self._say(self.name, f"ended with status {code}{again}")
            served, ended = self._served, self._ended
            self._new_life()
            ended.set()
            if not served.done():
                served.set_result(False)

    async def healthy(self) -> None:
        """Wait until this life, or the coming one, serves.

        Raises: ChildEndedError when it ended before.
        """
        if not await asyncio.shield(self._served):
            raise ChildEndedError(f"{self.name} ended before it served.")

    async def restart(self) -> None:
        """Tell it to end, start it anew, and wait until it serves.

        Raises: ChildEndedError when the new life ended before; further ones follow all the same.
        """
        self._supervision.restart()
        await self._end()
        await self.healthy()

    async def stop(self) -> None:
        """Tell it to end and wait until it has; nothing follows."""
        self._supervision.stop()
        self._told_to_stop.set()
        await self._end()

    def kill(self) -> None:
        """End it at once; whether another life follows is decided by what was asked before."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    async def _end(self) -> None:
        if self._process is None:
            return
        ended = self._ended
        with contextlib.suppress(ProcessLookupError):  # it was faster
            self._process.terminate()
        try:
            async with asyncio.timeout(GRACE_S):
                await ended.wait()
        except TimeoutError:
            self._say(self.name, f"did not end within {GRACE_S:g} s and is killed")
            self.kill()
            await ended.wait()

    async def _live(self) -> int:
        """Run the command once; returns its exit status."""
        self._supervision.started()
        self._process = process = await asyncio.create_subprocess_exec(
            *self._command,
            env=self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=LINE_BYTES,
            start_new_session=True,  # Ctrl-C is for the launcher, which ends everything in order
        )
        self._say(self.name, f"started as process {process.pid}")
        async with asyncio.TaskGroup() as group:
            watch = group.create_task(self._watch())
            group.create_task(self._repeat_output(process))
            code = await process.wait()
            watch.cancel()
        self._process = None
        return code

    async def _watch(self) -> None:
        await self._announced.wait()
        while not await self._serves():  # noqa: ASYNC110 - the child cannot set an event here
            await asyncio.sleep(LOOK_S)
        self._supervision.answered(time.monotonic())
        self._say(self.name, "serves")
        self._served.set_result(True)

    async def _repeat_output(self, process: asyncio.subprocess.Process) -> None:
        output = process.stdout
        while output is not None and not output.at_eof():
            try:
                line = await output.readline()
            except ValueError:  # longer than LINE_BYTES
                continue
            if line:
                text = line.decode("utf-8", "replace").rstrip()
                self._say(self.name, text)
                if self._announces in text:
                    self._announced.set()
