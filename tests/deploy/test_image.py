"""What the Dockerfile says is done step by step in a folder, and what comes out is run.

No container engine is needed: every path is moved below a folder of the test's own, and the server
runs there as the user of the image, who can write nothing but the data (S1-127).
"""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from dockerfile_parse import DockerfileParser

ROOT = Path(__file__).parents[2]
INSTALL_TIMEOUT_S = 240
PATIENCE_S = 15
IS_ROOT = os.geteuid() == 0

pytestmark = [pytest.mark.slow, pytest.mark.timeout(INSTALL_TIMEOUT_S + 60)]


@dataclass
class Stage:
    """What a FROM begins: a file system, and how programs run in it."""

    folder: Path
    base: Path
    workdir: str = "/"
    user: int = 0
    environment: dict[str, str] = field(default_factory=dict)
    command: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)

    def path(self, word: str) -> Path:
        """Return where a path of the image is on this machine."""
        return self.folder / os.path.join(self.workdir, word).lstrip("/")

    def copy(self, source: Path, word: str) -> None:
        target = self.path(word)
        if source.is_dir():
            leave = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, target, symlinks=True, ignore=leave)
            return
        target = target / source.name if word.endswith("/") else target
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)

    def run(self, words: list[str]) -> None:
        if not IS_ROOT:
            words = [word for word in words if not word.startswith(("--owner", "--group"))]
        program = self.base / "bin/python" if words[0] == "python" else self._moved(words[0])
        subprocess.run(
            [program, *map(self._moved, words[1:])],
            check=True,
            capture_output=True,
            env=os.environ | self._library,
            timeout=INSTALL_TIMEOUT_S,
        )

    def process(self, words: list[str], **environment: str) -> dict[str, Any]:
        """Return how `subprocess` starts a program as the image's user with its settings alone."""
        moved = {name: self._moved(value) for name, value in self.environment.items()}
        program = Path(moved["PATH"].partition(":")[0], words[0])
        user = {"user": self.user, "group": self.user, "extra_groups": []} if IS_ROOT else {}
        return user | {
            "args": [program, *words[1:]],
            "cwd": self.path("."),
            "env": moved | environment | self._library,
        }

    @property
    def _library(self) -> dict[str, str]:
        return {"LD_LIBRARY_PATH": str(self.base / "lib")}

    def _moved(self, word: str) -> str:
        """Move the paths in a word that the image has itself; the others are the machine's."""
        own = ("/opt", "/srv", "/data", "/requirements.txt")
        parts = word.split(":") if word.startswith("/") else []
        return ":".join(str(self.path(p)) if p.startswith(own) else p for p in parts) or word


def copy_python(base: Path) -> None:
    """Copy the Python that runs this test to where every user can run it: the base image."""
    library = Path(sysconfig.get_path("stdlib"))
    leave = shutil.ignore_patterns("site-packages", "dist-packages", "test", "idlelib", "config-*")
    shutil.copytree(library, base / "lib" / library.name, ignore=leave)
    (base / "bin").mkdir()
    shutil.copy(Path(sys.executable).resolve(), base / "bin/python")
    for shared in Path(sysconfig.get_config_var("LIBDIR")).glob("libpython*.so*"):
        shutil.copy(shared, base / "lib")


def build(folder: Path) -> Stage:
    """Carry out the Dockerfile; returns its last stage."""
    stages: dict[str, Stage] = {}
    stage = Stage(folder, folder / "base")
    copy_python(stage.base)
    for step in DockerfileParser(path=str(ROOT / "Dockerfile")).structure:
        name, value = step["instruction"], step["value"]
        match name:
            case "FROM":
                stage = stages[value.partition(" AS ")[2]] = Stage(
                    folder / str(len(stages)), stage.base
                )
                stage.folder.mkdir()
            case "COPY":
                origin = re.match(r"--from=(\w+) ", value)
                *sources, target = value[origin.end() if origin else 0 :].split()
                for source in sources:
                    there = stages[origin[1]].path(source) if origin else ROOT / source
                    stage.copy(there, target)
            case "RUN":
                stage.run(json.loads(value))
            case "WORKDIR":
                stage.workdir = value
            case "USER":
                stage.user = int(value.partition(":")[0])
            case "ENV":
                stage.environment = dict(pair.split("=", 1) for pair in value.split())
            case "CMD":
                stage.command = json.loads(value)
            case "HEALTHCHECK":
                stage.health = json.loads(value.partition("CMD ")[2])
    return stage


@pytest.fixture(scope="module")
def image() -> Iterator[Stage]:
    # Not pytest's own folder, which another user may not enter.
    folder = Path(tempfile.mkdtemp(prefix="sealroom-image-"))
    folder.chmod(0o755)
    stage = build(folder)
    subprocess.run(["chmod", "-R", "a-w", stage.path("/opt"), stage.path("/srv")], check=True)
    yield stage
    subprocess.run(["chmod", "-R", "u+w", folder], check=True)
    shutil.rmtree(folder)


def files(stage: Stage) -> set[Path]:
    return {path for part in ("/opt", "/srv") for path in stage.path(part).rglob("*")}


def is_healthy(image: Stage, origin: str) -> bool:
    """Ask as the engine would, only at another port."""
    words = [word.replace("http://localhost:8888", origin) for word in image.health]
    assert words != image.health
    asked = subprocess.run(
        **image.process(words), check=False, stderr=subprocess.PIPE, timeout=PATIENCE_S
    )
    return asked.returncode == 0


def test_the_server_runs_without_rights_on_a_read_only_tree_and_stops_cleanly(image: Stage) -> None:
    before = files(image)
    started = image.process(image.command, SEALROOM_PORT="0", SEALROOM_MESSENGER_PORT="0")
    with subprocess.Popen(**started, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        origin = server.stdout.readline().split()[-1]
        assert is_healthy(image, origin)
        server.terminate()
        assert server.wait(PATIENCE_S) == 0
    assert not is_healthy(image, origin)
    assert files(image) == before
    assert image.path("/data/sealroom.db").exists()
    assert image.path("/data").stat().st_mode & 0o077 == 0


def test_the_balancer_is_in_the_image_too(image: Stage) -> None:
    settings = image.path("/etc/balancer.toml")
    settings.parent.mkdir()
    shutil.copy(ROOT / "deploy/balancer.toml", settings)
    settings.chmod(0o644)
    command = image.process(["python", "-m", "lb", "--config", str(settings), "--check"])
    done = subprocess.run(**command, check=True, stdout=subprocess.PIPE, timeout=PATIENCE_S)
    assert b"worker3:9999" in done.stdout


def test_what_operators_need_beside_a_server_is_in_the_image_too(image: Stage) -> None:
    words = ["python", "-m", "tools.abuse", "reports"]
    command = image.process(words, SEALROOM_DATA_DIR="/data/of-no-server")
    asked = subprocess.run(**command, check=False, stderr=subprocess.PIPE, timeout=PATIENCE_S)
    is_missed = b"/data/of-no-server/sealroom.db is not there" in asked.stderr
    assert (asked.returncode, is_missed) == (2, True)
