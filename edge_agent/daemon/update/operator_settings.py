"""The operator's settings on the disk: tried, then confirmed or dropped."""

from pathlib import Path

import msgspec

from edge_agent.daemon.config.remote import KeptSettings, read_settings, settings_file
from edge_agent.disk import DISK, Disk, write_durably
from edge_agent.rollout.messages import RemoteSettings


class OperatorSettings:
    """What is kept of them; every change raises OSError where it cannot be written.

    Attributes:
        kept: as it is on the disk.
    """

    def __init__(self, state_dir: Path, disk: Disk = DISK) -> None:
        """Read what is kept below ``state_dir``."""
        self._file = settings_file(state_dir)
        self._disk = disk
        self.kept = read_settings(state_dir)

    def begin(self) -> None:
        """Note that the agent was started: what it tries counts as failed until it ends well."""
        if self.kept.trying is not None:
            self._keep(msgspec.structs.replace(self.kept, starts=self.kept.starts + 1))

    def end(self) -> None:
        """Note that the agent ends as it should: the next start goes on trying."""
        if self.kept.trying is not None:
            self._keep(msgspec.structs.replace(self.kept, starts=0))

    def attempt(self, settings: RemoteSettings) -> None:
        """Try ``settings``; from now on the agent has begun with them."""
        self._keep(KeptSettings(confirmed=self.kept.confirmed, trying=settings, starts=1))

    def confirm(self) -> None:
        """Keep what is being tried."""
        if self.kept.trying is not None:
            self._keep(KeptSettings(confirmed=self.kept.trying))

    def drop(self) -> None:
        """Forget what is being tried."""
        if self.kept.trying is not None:
            self._keep(KeptSettings(confirmed=self.kept.confirmed))

    def _keep(self, kept: KeptSettings) -> None:
        write_durably(self._file, msgspec.json.encode(kept), disk=self._disk)
        self.kept = kept
