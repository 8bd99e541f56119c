"""What the agent runs with, and how it becomes another: a new configuration, a bundle come late.

All of it is decided on the scoring thread, between two windows; what is read is read elsewhere.
"""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from edge_agent.daemon.birth import Herald
from edge_agent.daemon.config.settings import Config
from edge_agent.daemon.judged import judge
from edge_agent.daemon.late_bundles import LateBundles
from edge_agent.daemon.models import Models
from edge_agent.daemon.mqtt.credential_watch import CredentialWatch
from edge_agent.daemon.mqtt.credentials import Credentials
from edge_agent.daemon.mqtt.link import MqttLink
from edge_agent.daemon.reload import Done, Plan, Reloader, Running
from edge_agent.daemon.report import ReloadReport
from edge_agent.daemon.systemd import Notifier
from edge_agent.daemon.watches import Watches
from edge_agent.rollout.broker import Broker
from edge_agent.rollout.messages import RemoteSettings


class Changes:
    """Brings a running agent to other settings.

    Attributes:
        config: what it runs with.
        models: the bundles in use.
        remote: the operator's settings over those of the files.
    """

    def __init__(
        self,
        path: Path,
        running: tuple[Config, Credentials, Models],
        remote: RemoteSettings | None,
        watches: Watches,
        herald: Herald,
        link: MqttLink,
        notifier: Notifier,
        in_background: Callable[[Callable[[], None]], None],
    ) -> None:
        """Begin with what is ``running``.

        Args:
            path: main file of the configuration.
            running: what the agent was started with.
            remote: likewise, the operator's settings that are in ``running`` already.
            watches: the assets.
            herald: says which features are in use.
            link: to the broker.
            notifier: the service manager's.
            in_background: runs what waits for the disk, one after the other.
        """
        self.config, self._credentials, self.models = running
        self.remote = remote
        self._watches = watches
        self._herald = herald
        self._link = link
        self._notifier = notifier
        self._in_background = in_background
        self._reloader = Reloader(path, notifier)
        self._late = LateBundles()
        self._renewal = CredentialWatch(self.config.mqtt, self._credentials, link.use)

    def begin(self, is_stopping: Callable[[], bool]) -> bool:
        """Watch all assets; return whether it came so far before the agent was to end."""
        for asset in self.config.asset:
            if is_stopping():  # verifying many bundles takes longer than ending may
                return False
            self._watches.add(judge(asset, self.models), self.config.publish)
        self._herald.features = self._watches.features()
        return True

    def ask(self, done: Done | None = None) -> None:
        """Have the configuration read again; without ``done`` from a signal handler, too."""
        self._reloader.ask(done)

    def renew(self, done: Done | None = None) -> None:
        """Have all bundles read again, and nothing else."""
        self._reloader.renew(done)

    def look(self, now_s: float) -> None:
        """Go on with whatever is under way; about once a second, ``now_s`` is monotonic."""
        self._reload()
        self._look_for_bundles(now_s)
        if self._renewal.is_due(now_s):
            self._in_background(self._renewal.look)

    def join(self, deadline_s: float) -> None:
        """Wait for what is being read, until ``deadline_s``, monotonic."""
        self._late.join(max(0.0, deadline_s - time.monotonic()))
        self._reloader.join(max(0.0, deadline_s - time.monotonic()))

    def broker(self) -> Broker | None:
        """Return how another process reaches the broker now; None while there is no connection."""
        if not self._link.state.connected:
            return None
        mqtt = self.config.mqtt
        return Broker(
            host=mqtt.host,
            port=mqtt.port or 1883,
            root=mqtt.root,
            username=mqtt.username,
            password=self._renewal.credentials.password,
            tls=mqtt.tls,
            ca_file=mqtt.ca_file,
            cert_file=mqtt.cert_file,
            key_file=mqtt.key_file,
        )

    @property
    def last_reload(self) -> ReloadReport | None:
        """How the last reading ended; None: there was none."""
        return self._reloader.last

    def _reload(self) -> None:
        if self._watches.swaps.are_under_way:  # the last one is not over yet
            return
        if self._reloader.is_being_applied:
            self._use(self.models)
            self._reloader.finish(str(self._watches))
        if self._reloader.is_wanted and not self._late.is_looking:
            judged = self._watches.alive()
            running = Running(self.config, self._credentials, self.models, judged, self.remote)
            self._reloader.begin(running)
        plan = self._reloader.take()
        if plan is not None:
            self._apply(plan)

    def _look_for_bundles(self, now_s: float) -> None:
        found = self._late.take(now_s)
        if found is not None:
            for judged in found.judged:
                self._watches.add(judged, self.config.publish)
            self._use(found.models)
            self._notifier.send(f"STATUS={self._watches}")
        if not self._reloader.is_reading:
            self._late.look(now_s, self._watches.lacking(), self.models)

    def _use(self, models: Models) -> None:
        self.models = models
        self.models.keep(self._watches.bundles())
        self._herald.features = self._watches.features()

    def _apply(self, plan: Plan) -> None:
        """Go over to another configuration, between two windows."""
        config = plan.config
        for name in plan.removed:
            self._watches.remove(name)
        self._watches.publish(config.publish)
        for judged in plan.begin:
            self._watches.add(judged, config.publish)
        for judged in plan.swap:
            self._watches.swap(judged, done=partial(self._reloader.swapped, judged.asset.name))
        self._watches.arrange([asset.name for asset in config.asset])
        self.models = plan.models
        self.config, self._credentials = config, plan.credentials
        if plan.reconnect:
            self._renewal = CredentialWatch(config.mqtt, plan.credentials, self._link.use)
            self._link.use(config.mqtt, plan.credentials.password)
