"""A home folder with a published bundle, and gateways that are enrolled."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.bundles import make_bundle
from edge_agent.bundle import Bundle
from edge_agent.rollout.fleet.desk import Desk
from edge_agent.rollout.fleet.enroll import Equipment, enroll
from edge_agent.rollout.fleet.inventory import Inventory
from edge_agent.rollout.fleet.plan import parse_limit
from edge_agent.rollout.fleet.start import Asked, start
from edge_agent.rollout.messages import RunningModel, Terms, WantedModel
from edge_agent.rollout.repository.home import Home
from edge_agent.rollout.repository.repository import Repository

LINE = "press"
HOLD_S = 2.0
_WAVES = ((1, False), (10, True), (50, True), (100, True))


def make_desk(folder: Path, port: int) -> tuple[Desk, str, int]:
    """Return a new home folder, the bundle that is published, and its length in bytes."""
    home = Home(folder, "benchmark")
    home.create(f'[broker]\nhost = "127.0.0.1"\nport = {port}\n'.encode())
    repository = Repository(home, lambda _name: "a passphrase for one benchmark")
    repository.init()
    content = make_bundle(4096, 1)
    file = folder / "bundle.edgemodel"
    file.write_bytes(content)
    manifest = Bundle.decode(content).manifest
    repository.publish(file)
    return Desk(repository), f"{manifest.name}@{manifest.version}", len(content)


def enroll_many(desk: Desk, gateways: int, folder: Path) -> None:
    """Enroll that many, their folders in ``folder``."""
    equipment = Equipment(root=desk.repository.roles.root_bytes())
    now = datetime.now(UTC) - timedelta(seconds=1)
    members = {}
    for number in range(gateways):
        name = f"gw-{number:05}"
        made, files = enroll(Inventory(), name, ("all",), equipment, now, again=False)
        members.update(made.gateways)
        (folder / name).mkdir(parents=True)
        for file, content in files.items():
            (folder / name / file).write_bytes(content)
    desk.keep_inventory(Inventory(version=1, gateways=members))


def begin(desk: Desk, model: str, rate_per_min: float) -> str:
    """Plan a rollout to all, in four waves."""
    asked = Asked(
        model=model,
        line=LINE,
        to=("all",),
        waves=_WAVES,
        limits=(parse_limit("failed>5%"),),
        rate_per_min=rate_per_min,
        terms=Terms(timeout_s=3600.0, hold_s=HOLD_S),
        settings=None,
        by="benchmark",
    )
    return start(desk, asked, datetime.now(UTC)).plan.rollout


def running(model: WantedModel) -> RunningModel:
    """Return what a gateway reports that runs ``model``."""
    return RunningModel(
        line=model.line,
        name=model.name,
        version=model.version,
        sha256=model.sha256,
        overlay=None,
        windows=1,
        state="running",
    )
