"""A new configuration for a running agent: read and checked as a whole, beside the scoring."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from pathlib import Path

from edge_agent.bundle.times import rfc3339
from edge_agent.daemon.config.check import check_draft
from edge_agent.daemon.config.draft import Draft, is_file, read_draft
from edge_agent.daemon.config.followed import followed_line
from edge_agent.daemon.config.problems import ConfigError, Problem, shown
from edge_agent.daemon.config.settings import Config, OutboxSettings
from edge_agent.daemon.judged import Judged, judge
from edge_agent.daemon.models import Models
from edge_agent.daemon.mqtt.credentials import Credentials, read_credentials
from edge_agent.daemon.report import ReloadReport
from edge_agent.daemon.systemd import Notifier
from edge_agent.plugin import discovery
from edge_agent.rollout.messages import RemoteSettings

_log = logging.getLogger(__name__)

Done = Callable[[tuple[str, ...]], None]

# What every topic, the state, the outbox and the local page are bound to.
FIXED = (
    "gateway",
    "state_dir",
    "mqtt.root",
    *(f"outbox.{key}" for key in OutboxSettings.__struct_fields__),
    "metrics.enabled",
    "metrics.listen",
    "update.enrolment",
)


@dataclass(frozen=True, slots=True)
class Running:
    """What the agent runs with.

    Attributes:
        config: its configuration.
        credentials: what it shows the broker.
        models: the bundles that it has loaded.
        judged: the assets that are watched, by name; those that have failed for good are not.
        remote: the operator's settings, which go before those of the files.
    """

    config: Config
    credentials: Credentials
    models: Models
    judged: Mapping[str, Judged]
    remote: RemoteSettings | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a new configuration changes.

    Attributes:
        config: the new one.
        credentials: for the broker.
        models: with every bundle that it names.
        begin: assets that are new, or have other settings than before.
        swap: assets of which only the bundle or the budget is another.
        removed: names of assets that are no more.
        reconnect: the broker, or what it is shown, is another.
    """

    config: Config
    credentials: Credentials
    models: Models
    begin: tuple[Judged, ...]
    swap: tuple[Judged, ...]
    removed: tuple[str, ...]
    reconnect: bool

    def __str__(self) -> str:
        """What happens, for the log."""
        n = len(self.config.asset) - len(self.begin) - len(self.swap)
        said = [f"{n} asset{'' if n == 1 else 's'} as before"]
        if self.begin:
            said.append(f"beginning with {', '.join(j.asset.name for j in self.begin)}")
        if self.swap:
            said.append(f"another model for {', '.join(j.asset.name for j in self.swap)}")
        if self.removed:
            said.append(f"no more {', '.join(self.removed)}")
        if self.reconnect:
            said.append("connecting anew")
        return "; ".join(said)


def plan_reload(path: Path, running: Running) -> Plan:
    """Read and check the configuration at ``path``, and compare it with what runs.

    Sensors are left alone: the running agent has them open.

    Raises:
        ConfigError: with every problem, also with keys that only a restart can change.
    """
    discovery.rescan()
    draft = read_draft(path, running.remote)
    models = running.models.renewed()
    findings = check_draft(draft, models, offline=True)
    # An asset that waits for its bundle goes on waiting, one that is new may wait for its line's
    # first; for any other a missing one is a mistake.
    known = {asset.name for asset in running.config.asset}
    for index, absent in findings.absent.items():
        asset = draft.assets.get(index)
        line = asset and followed_line(asset.bundle, Path(running.config.state_dir))
        may_wait = asset and (asset.name in known or line) and asset.name not in running.judged
        if not may_wait:
            draft.problems.append(absent)
    config = draft.config
    _refuse_fixed(draft, running.config)
    if config is None or findings.problems:
        raise ConfigError(findings.problems)
    credentials = read_credentials(config.mqtt)
    begin, swap = [], []
    for asset in config.asset:
        judged, before = judge(asset, models), running.judged.get(asset.name)
        if before is None or not (judged.is_as(before) or judged.is_sensed_as(before)):
            begin.append(judged)
        elif not judged.is_as(before):
            swap.append(judged)
    names = {asset.name for asset in config.asset}
    return Plan(
        config=config,
        credentials=credentials,
        models=models,
        begin=tuple(begin),
        swap=tuple(swap),
        removed=tuple(a.name for a in running.config.asset if a.name not in names),
        reconnect=(config.mqtt, credentials) != (running.config.mqtt, running.credentials),
    )


def plan_renewal(running: Running) -> Plan:
    """Read all bundles again, and compare them with those in use; all else stays.

    An asset whose bundle is gone is not watched any more: somebody took it away.

    Raises:
        ConfigError: with every bundle that is there and cannot be used.
    """
    models, config = running.models.renewed(), running.config
    begin, swap, problems = [], [], []
    for index, asset in enumerate(config.asset):
        judged, before = judge(asset, models), running.judged.get(asset.name)
        if judged.bundle is None and is_file(Path(asset.bundle)):
            where = f"asset[{index}].bundle"
            problems.append(Problem(asset.name, where, str(judged.reason), "one that works here"))
        elif judged.bundle is None and before is None:
            continue  # it waits for its bundle, and goes on waiting
        elif before is None or not (judged.is_as(before) or judged.is_sensed_as(before)):
            begin.append(judged)
        elif not judged.is_as(before):
            swap.append(judged)
    if problems:
        raise ConfigError(problems)
    return Plan(
        config=config,
        credentials=running.credentials,
        models=models,
        begin=tuple(begin),
        swap=tuple(swap),
        removed=(),
        reconnect=False,
    )


def _refuse_fixed(draft: Draft, old: Config) -> None:
    """Add a problem for each key that the agent cannot change while it runs."""
    for where in FIXED:
        before, found = attrgetter(where)(old), draft.said(where)
        if found != before and (found is not None or draft.config is not None):
            allowed = f"{shown(where, before)} until the agent is started anew"
            draft.report(where, shown(where, found), allowed)


class Reloader:
    """Makes a plan on a thread of its own, whenever it was asked for one."""

    def __init__(self, path: Path, notifier: Notifier) -> None:
        """Read ``path`` when asked; the service manager is told through ``notifier``."""
        self._path = path
        self._notifier = notifier
        self._asked = False
        self._bundles_alone = False
        self._waiting: list[Done] = []
        self._answered: list[Done] = []
        self._thread: threading.Thread | None = None
        self._outcome: Plan | tuple[str, ...] | None = None
        self._plan: Plan | None = None
        self._refused: list[str] = []
        self.last: ReloadReport | None = None

    def ask(self, done: Done | None = None) -> None:
        """Have the configuration read again; may be called from a signal handler.

        ``done`` is told how it ended: all problems, none where it is what the agent runs with.
        """
        if done is not None:
            self._waiting.append(done)
        self._asked = True

    def renew(self, done: Done | None = None) -> None:
        """Have all bundles read again, and nothing else; ``done`` as for ``ask``."""
        if done is not None:
            self._waiting.append(done)
        self._bundles_alone = True

    @property
    def is_wanted(self) -> bool:
        """It was asked, and nothing is being read."""
        return (self._asked or self._bundles_alone) and not self.is_reading

    @property
    def is_reading(self) -> bool:
        """A plan is being made."""
        return self._thread is not None

    def begin(self, running: Running) -> None:
        """Begin to read."""
        make = partial(plan_reload, self._path) if self._asked else plan_renewal
        self._asked = self._bundles_alone = False
        self._answered, self._waiting = self._waiting, []
        now_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._notifier.send("RELOADING=1", f"MONOTONIC_USEC={now_us}")
        _log.info("reading %s again", "the bundles" if make is plan_renewal else self._path)
        self._thread = threading.Thread(
            target=self._run, args=(make, running), name="reload", daemon=True
        )
        self._thread.start()

    def take(self) -> Plan | None:
        """Return the plan once it is made; a configuration that cannot be used is reported here."""
        if self._thread is None or self._thread.is_alive():
            return None
        self._thread = None
        outcome, self._outcome = self._outcome, None
        if isinstance(outcome, Plan):
            self._plan = outcome
            return outcome
        problems = outcome or ()
        for problem in problems:
            _log.error("%s", problem)
        n = len(problems)
        count = f"{n} problem{'' if n == 1 else 's'}"
        _log.error("%s: %s: going on with the configuration as it was", self._path, count)
        self._say(f"going on as before: {self._path} has {count}", problems)
        return None

    @property
    def is_being_applied(self) -> bool:
        """A plan was taken, and ``finish`` was not called yet."""
        return self._plan is not None

    def swapped(self, asset: str, refused: str | None) -> None:
        """Note how the swap of an asset's model ended: None, or why its former one goes on."""
        if refused is not None:
            problem = f"asset {asset}: its bundle is refused, the former one scores on: {refused}"
            _log.error("%s", problem)
            self._refused.append(problem)

    def finish(self, status: str) -> None:
        """Say that the plan is applied: ``status`` is what the service manager shows."""
        _log.info("configuration changed: %s", self._plan)
        self._plan = None
        refused, self._refused = tuple(self._refused), []
        self._say(status, refused)

    def _say(self, status: str, problems: tuple[str, ...]) -> None:
        self.last = ReloadReport(
            at=rfc3339(time.time_ns()), accepted=not problems, problems=problems
        )
        self._notifier.send("READY=1", f"STATUS={status}")
        answered, self._answered = self._answered, []
        for done in answered:
            done(problems)

    def join(self, timeout_s: float) -> None:
        """Wait for what is being read."""
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _run(self, make: Callable[[Running], Plan], running: Running) -> None:
        try:
            self._outcome = make(running)
        except ConfigError as error:
            self._outcome = tuple(map(str, error.problems))
        except Exception as error:  # noqa: BLE001 - whatever a new file leads to, the old one runs
            self._outcome = (f"{self._path}: {type(error).__name__}: {error}",)
