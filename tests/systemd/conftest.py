"""A Debian 12 of its own with a real systemd, and the package that is installed in it.

The root file system is made once and kept in ``build/systemd``; every machine boots a copy.
"""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import pytest
from waiting import wait_until

REPOSITORY = Path(__file__).parents[2]
BUILD = REPOSITORY / "build" / "systemd"
HERE = Path(__file__).parent
PLUGINS = "usr/local/lib/edge-agent/plugins"
PASSWORD = "hunter2"
_NEEDED = ("debootstrap", "systemd-nspawn", "nsenter", "dpkg-deb", "openssl")

_PATH = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin"))

CONFIG = """\
gateway = "gw-1"
[mqtt]
host = "localhost"
tls = true
ca_file = "ca.crt"
username = "gw-1"
password_credential = "mqtt-password"
[[asset]]
name = "pump-1"
bundle = "samples.edgemodel"
[asset.sensor]
plugin = "trouble"
[asset.sensor.options]
silent = false
"""


@dataclass
class Machine:
    """A container in which systemd is the first process."""

    root: Path
    log: Path
    leader: int = 0
    password: str = PASSWORD  # of everybody, at its broker
    _nspawn: subprocess.Popen[bytes] | None = None
    _listeners: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self) -> Self:
        options = ["--boot", "--register=no", "--keep-unit", "--link-journal=no"]
        with self.log.open("ab") as log:
            self._nspawn = subprocess.Popen(
                ["systemd-nspawn", "--quiet", "-D", self.root, *options, "--private-network"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        assert wait_until(self._is_up, 300.0), self.log.read_text()
        return self

    def _is_up(self) -> bool:
        assert self._nspawn is not None
        children = Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children")
        found = children.read_text().split()
        if not found:
            return False
        self.leader = int(found[-1])  # the first one is what sets up the second's namespaces
        said = self.run("systemctl", "is-system-running", check=False)
        return said.stdout.strip() in ("running", "degraded")

    def stop(self) -> None:
        if self._nspawn is None:
            return
        for listener in self._listeners:
            listener.kill()
            listener.wait()
        self._listeners.clear()
        self.run("systemctl", "poweroff", check=False)
        try:
            self._nspawn.wait(90)
        except subprocess.TimeoutExpired:
            self._nspawn.kill()
            self._nspawn.wait()
        self._nspawn = None

    def inside(self, *command: str) -> list[str]:
        spaces = ("--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup")
        return ["nsenter", "-t", str(self.leader), *spaces, "--", *command]

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        said = subprocess.run(
            self.inside(*command), capture_output=True, text=True, check=False, timeout=300
        )
        assert not check or said.returncode == 0, f"{command}: {said.stdout}{said.stderr}"
        return said

    def show(self, name: str, unit: str = "edge-agent.service") -> str:
        """Return a property of a unit."""
        return self.run("systemctl", "show", unit, "-P", name).stdout.strip()

    def journal(self) -> str:
        """Return what the agent and systemd have said of it."""
        return self.run("journalctl", "-u", "edge-agent", "--no-pager", "-o", "cat").stdout

    def path(self, inside: str) -> Path:
        return self.root / inside.lstrip("/")

    def write(self, inside: str, text: str, mode: int = 0o644) -> None:
        path = self.path(inside)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)

    def drop_in(self, text: str) -> None:
        """Change the unit; an empty text takes the change back."""
        self.write("/etc/systemd/system/edge-agent.service.d/test.conf", text)
        self.run("systemctl", "daemon-reload")

    def has_memory_control(self) -> bool:
        """Say whether units can be limited, after trying to make it so.

        Where the host still has the old hierarchy of control groups, containers get that of the
        memory read-only.
        """
        old = "/sys/fs/cgroup/memory"
        if self.run("mountpoint", "-q", old, check=False).returncode == 0:
            self.run("mount", "-o", "remount,bind,rw", old, check=False)
            self.run("systemctl", "daemon-reexec")
            self.run("systemctl", "restart", "edge-agent")
        return self.show("MemoryCurrent").isdigit()

    def install(self, package: Path) -> subprocess.CompletedProcess[str]:
        shutil.copy(package, self.path("/root"))
        return self.run(
            *("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y"),
            *("--no-install-recommends", f"/root/{package.name}"),
        )

    def listen(self, topic: str, file: Path) -> None:
        """Write every message of ``topic`` to ``file``, one JSON object a line."""
        login = ("-u", "scada", "-P", PASSWORD)
        command = self.inside("mosquitto_sub", *login, "-F", "%j", "-t", topic)
        with file.open("ab") as out:
            self._listeners.append(subprocess.Popen(command, stdout=out))

    def is_scoring(self) -> bool:
        """Say whether the agent has told twice how it is, and scored in between."""
        if not wait_until(lambda: self.windows() > 0):
            return False
        before = self.windows()
        return wait_until(lambda: self.windows() > before)

    def windows(self) -> int:
        said = self.run("edge-agent", "status", "--json", check=False)
        if said.returncode != 0:
            return -1
        return int(json.loads(said.stdout)["assets"][0]["windows"])


@pytest.fixture(scope="session")
def debian() -> Path:
    """A root file system of Debian 12, as debootstrap makes it."""
    missing = [name for name in _NEEDED if shutil.which(name, path=_PATH) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    if os.geteuid() != 0:
        pytest.skip("only root can make a machine")
    key = hashlib.sha256((HERE / "debian").read_bytes()).hexdigest()[:12]
    root = BUILD / f"debian-{key}"
    if not root.is_dir():
        _make(root)
    # Some machines are containers that may not have containers of their own.
    harmless = ("--read-only", "--resolv-conf=off", "--timezone=off", "--private-network")
    nspawn = ("systemd-nspawn", "--quiet", "--register=no", "--keep-unit", *harmless)
    tried = subprocess.run(
        [*nspawn, "-D", root, "/bin/true"], capture_output=True, text=True, check=False
    )
    if tried.returncode != 0:
        pytest.skip(f"no container can be started here: {tried.stderr.strip()}")
    return root


def _make(root: Path) -> None:
    packages = BUILD / "packages"
    packages.mkdir(parents=True, exist_ok=True)
    # A name of its own: one that was interrupted may still have /proc mounted in its folder.
    new = Path(tempfile.mkdtemp(prefix="debian-new-", dir=BUILD))
    new.chmod(0o755)
    with (BUILD / "debootstrap.log").open("wb") as log:
        making = subprocess.Popen(
            [HERE / "debian", new, packages], stdout=log, stderr=log, start_new_session=True
        )
        try:
            code = making.wait()
        finally:
            if making.poll() is None:
                os.killpg(making.pid, signal.SIGKILL)
                making.wait()
    assert code == 0, (BUILD / "debootstrap.log").read_text()[-4000:]
    new.rename(root)


@pytest.fixture(scope="session")
def package() -> Path:
    """The package, built from this checkout."""
    said = subprocess.run(
        [REPOSITORY / "deploy/deb/build", REPOSITORY / "build" / "deb"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHON": sys.executable},
    )
    assert said.returncode == 0, said.stderr
    return Path(said.stdout.strip())


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority and a broker's certificate for localhost."""
    folder = tmp_path_factory.mktemp("certificates")

    def run(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    run("req", "-x509", *new, "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=ca")
    (folder / "names").write_text("subjectAltName=DNS:localhost\n")
    run("req", *new, "-keyout", "broker.key", "-out", "broker.csr", "-subj", "/CN=localhost")
    signing = ("-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names")
    run("x509", "-req", "-in", "broker.csr", *signing, "-out", "broker.crt")
    return folder


NewMachine = Callable[[], Machine]


@pytest.fixture(scope="module")
def new_machine(
    debian: Path, certificates: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[NewMachine]:
    """``new_machine()``: booted, with a broker as ``deploy/mosquitto`` has it; no agent."""
    made: list[Machine] = []

    def make() -> Machine:
        folder = tmp_path_factory.mktemp("machine")
        root = folder / "root"
        subprocess.run(["cp", "-a", "--reflink=auto", debian, root], check=True)
        machine = Machine(root, folder / "console.log")
        made.append(machine)
        for name in ("ca.crt", "broker.crt", "broker.key"):
            text = (certificates / name).read_text()
            machine.write(f"/etc/mosquitto/certs/{name}", text)
        for name in ("mosquitto.conf", "acl"):
            text = (REPOSITORY / "deploy" / "mosquitto" / name).read_text()
            machine.write(f"/etc/mosquitto/{name}", text)
        users = "".join(f"{name}:{PASSWORD}\n" for name in ("gw-1", "scada", "operator"))
        machine.write("/etc/mosquitto/passwords", users)
        passwd = ["chroot", str(root), "mosquitto_passwd", "-U", "/etc/mosquitto/passwords"]
        subprocess.run(passwd, check=True)
        machine.write("/etc/hosts", "127.0.0.1 localhost\n")
        shutil.copytree(HERE / "plugins", machine.path(PLUGINS))
        return machine.start()

    yield make
    for machine in made:
        machine.stop()
        shutil.rmtree(machine.root)


Configure = Callable[[Machine], None]


@pytest.fixture(scope="session")
def configure(samples_bundle: bytes, certificates: Path) -> Configure:
    """``configure(machine)``: give an installed agent what it needs to watch one asset."""

    def write(machine: Machine) -> None:
        machine.write("/etc/edge-agent/config.toml", CONFIG)
        machine.write("/etc/edge-agent/ca.crt", (certificates / "ca.crt").read_text())
        machine.path("/etc/edge-agent/samples.edgemodel").write_bytes(samples_bundle)
        machine.write("/etc/credstore/edge-agent.mqtt-password", f"{PASSWORD}\n", 0o600)

    return write


@pytest.fixture(scope="module")
def machine(new_machine: NewMachine, package: Path, configure: Configure) -> Machine:
    """A machine on which the agent is installed, configured and running."""
    made = new_machine()
    made.install(package)
    configure(made)
    made.run("systemctl", "start", "edge-agent")
    return made
