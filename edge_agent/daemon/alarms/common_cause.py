"""Notices what strikes many assets at once, and publishes it as one group."""

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Literal

from edge_agent.daemon.alarms.files import AlarmFiles
from edge_agent.daemon.alarms.groups import Groups, Onset, reach_s
from edge_agent.daemon.alarms.messages import Group, GroupState, Why
from edge_agent.daemon.alarms.term import Now
from edge_agent.daemon.envelope import message_id
from edge_agent.daemon.outbox import Outbox
from edge_agent.daemon.records import AssetRecord
from edge_agent.daemon.session import Session

_log = logging.getLogger(__name__)

_LOST = ("sensor_fault", "no_data", "failed")
_UNKNOWN = ("starting",)  # after a restart nothing is known of a signal that was lost before


class CommonCause:
    """The groups of this gateway, on the scoring thread."""

    def __init__(
        self,
        files: AlarmFiles,
        session: Session,
        outbox: Outbox,
        in_background: Callable[[Callable[[], None]], None],
    ) -> None:
        """Go on with the groups that are open by ``files``; arguments as of Desk."""
        self._files = files
        self._session = session
        self._outbox = outbox
        self._in_background = in_background
        gateway = session.topics.gateway
        self.groups = Groups(
            files.load_groups(), lambda at_ns, asset: message_id(gateway, "group", at_ns, asset)
        )
        self._lost: dict[str, bool] = {}
        self._stated = False

    def signals(self, records: Iterable[AssetRecord], watched: int, now: Now) -> None:
        """Look which assets deliver no signal any more; called about once a second.

        Args:
            records: those that nobody works on.
            watched: how many they are.
            now: this moment.
        """
        for record in records:
            before = self._lost.get(record.name)
            lost = record.state in _LOST
            if lost and not before:
                self.struck(record, "signal", None, watched, now)
            elif before is not False and not lost and record.state not in _UNKNOWN:
                self.over(record.name, "signal", now)
            if lost or record.state not in _UNKNOWN:
                self._lost[record.name] = lost
        if not self._stated and self.groups.open:
            self._state(None, None, self.groups.open, now)

    def struck(
        self, record: AssetRecord, why: Why, anomaly_id: str | None, watched: int, now: Now
    ) -> None:
        """Take note of what happened to an asset."""
        reach = reach_s(record.block_interval_s)
        at_s = time.monotonic()
        change = self.groups.struck(
            Onset(record.name, why, now.utc_ns, at_s, reach, anomaly_id), watched
        )
        if change is not None:
            self._changed(*change, now)

    def over(self, asset: str, why: Why, now: Now) -> None:
        """Take note that it is over."""
        for event, group in self.groups.over(asset, why, now.utc_ns):
            self._changed(event, group, now)

    def gone(self, asset: str, now: Now) -> None:
        """Take note that an asset is watched no more, or that somebody works on it."""
        self._lost.pop(asset, None)
        self.over(asset, "signal", now)
        self.over(asset, "anomaly", now)

    def settle(self, open_ids: Mapping[str, str | None], now: Now) -> None:
        """Bring groups of an earlier run up to date with what is so now.

        Args:
            open_ids: of the anomaly that is open, by asset: all that are watched.
            now: this moment.
        """
        for member in [member for group in self.groups.open for member in group.members]:
            is_gone = member.asset not in open_ids
            is_closed = member.why == "anomaly" and open_ids.get(member.asset) != member.anomaly_id
            if not member.over and (is_gone or is_closed):
                self.over(member.asset, member.why, now)

    def _changed(self, event: Literal["open", "update", "close"], group: Group, now: Now) -> None:
        if event != "update":
            names = ", ".join(dict.fromkeys(member.asset for member in group.members))
            _log.warning(
                "group %s %s: one cause for %s?",
                group.id,
                "opened" if event == "open" else "closed",
                names,
                extra={"event": f"group_{event}"},
            )
        told = [*self.groups.open, *([group] if group.closed is not None else [])]
        self._state(event, group.id, told, now)
        kept = tuple(self.groups.open)
        self._in_background(lambda: self._save(kept))

    def _save(self, groups: tuple[Group, ...]) -> None:
        self._files.save_groups(groups)

    def _state(
        self,
        event: Literal["open", "update", "close"] | None,
        group_id: str | None,
        groups: Iterable[Group],
        now: Now,
    ) -> None:
        self._stated = True
        topic = self._session.topics.of_gateway("group")
        message = GroupState(
            event=event,
            group_id=group_id,
            groups=tuple(groups),
            **self._session.envelope(topic, None, now.utc_ns, now.utc_ns),
        )
        self._outbox.state("group", topic, message)
