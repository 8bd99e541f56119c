"""``edge-rollout enroll``, ``regroup`` and ``gateways``."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING

import click
import msgspec

from edge_agent.cli import exit_codes
from edge_agent.cli.duration import duration_text
from edge_agent.cli.output import print_json, printable, table_lines, terminal_columns
from edge_agent.cli.rollout_home import exit_code_of
from edge_agent.cli.rollout_run import open_desk

if TYPE_CHECKING:
    from edge_agent.rollout.fleet.inventory import Member
    from edge_agent.rollout.fleet.sightings import Sighting
    from edge_agent.rollout.messages import RunningModel


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the command line says of a gateway."""

    gateway: str
    groups: tuple[str, ...]
    out: Path
    broker_ca: Path | None
    password_file: Path | None
    floors: tuple[str, ...]
    again: bool


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """A gateway as the command prints it.

    Attributes:
        gateway: name.
        groups: from the inventory.
        enrolled: when.
        last_seen: when it made its last report, or that came, if its clock is ahead; None: never.
        state: of its update, from that report.
        reason: of that state.
        running: by asset, from that report.
        wrong: what a person should look at.
    """

    gateway: str
    groups: tuple[str, ...]
    enrolled: datetime
    last_seen: datetime | None
    state: str | None
    reason: str | None
    running: "dict[str, RunningModel]"
    wrong: tuple[str, ...]


def enroll_command(
    folder: Path, passphrase_file: Path | None, chosen: Chosen, *, as_json: bool
) -> int:
    """Make a gateway's enrolment; return the exit code."""

    def run() -> int:
        from edge_agent.rollout.fleet.enroll import Equipment, enroll, write_enrolment
        from edge_agent.rollout.fleet.inventory import InventoryError

        floors = dict(floor.partition("=")[::2] for floor in chosen.floors)
        if not all(floors.values()):
            raise InventoryError("--floor: found no version; allowed: LINE=VERSION")
        desk = open_desk(folder, passphrase_file)
        equipment = Equipment(
            root=desk.repository.roles.root_bytes(),
            broker_ca=chosen.broker_ca.read_bytes() if chosen.broker_ca else None,
            password=chosen.password_file.read_bytes() if chosen.password_file else None,
            floors=floors,
        )
        with desk.locked():
            changed, files = enroll(
                desk.inventory(),
                chosen.gateway,
                chosen.groups,
                equipment,
                datetime.now(UTC),
                again=chosen.again,
            )
            _ = desk.signers  # before anything is written
            write_enrolment(chosen.out, files)
            desk.keep_inventory(changed)
            member = changed.gateways[chosen.gateway]
            desk.home.journal.write(
                "enroll", gateway=chosen.gateway, groups=chosen.groups, key=member.key_id
            )
        if as_json:
            print_json({"gateway": chosen.gateway, "key_id": member.key_id, "out": str(chosen.out)})
        else:
            click.echo(f"{chosen.gateway}: key {member.key_id[:16]}, in {chosen.out}")
            click.echo("Put that folder on this gateway and on no other, then delete it here.")
        return exit_codes.OK

    return exit_code_of(run)


def regroup_command(
    folder: Path,
    passphrase_file: Path | None,
    gateway: str,
    groups: tuple[str, ...],
    *,
    as_json: bool,
) -> int:
    """Put a gateway into other groups; return the exit code."""

    def run() -> int:
        from edge_agent.rollout.fleet.enroll import regrouped

        desk = open_desk(folder, passphrase_file)
        with desk.locked():
            changed = regrouped(desk.inventory(), gateway, groups)
            desk.keep_inventory(changed)
            desk.home.journal.write("regroup", gateway=gateway, groups=groups)
        if as_json:
            print_json({"gateway": gateway, "groups": groups})
        else:
            click.echo(f"{gateway}: {', '.join(groups) or 'in no group'}")
        return exit_codes.OK

    return exit_code_of(run)


def gateways_command(folder: Path, *, as_json: bool) -> int:
    """List the fleet by what was last reported; return the exit code."""

    def run() -> int:
        from edge_agent.rollout.fleet.hearing import hear_lying

        desk = open_desk(folder, None)
        members = desk.inventory().gateways
        heard, refused = hear_lying(desk, datetime.now(UTC))
        found = [
            _known(name, member, heard.of(name), refused.get(name))
            for name, member in sorted(members.items())
        ]
        if as_json:
            print_json(found)
        else:
            for line in fleet_lines(found, datetime.now(UTC), terminal_columns()):
                click.echo(line)
        return exit_codes.OK

    return exit_code_of(run)


def fleet_lines(found: Sequence[Known], now: datetime, columns: int) -> list[str]:
    """Return one table, then what is wrong; nothing is wider than ``columns``."""
    head = ("gateway", "groups", "last seen", "state", "running")
    lines = table_lines(head, [_row(known, now) for known in found], columns)
    wrong = [
        line
        for known in found
        for said in _troubles(known)
        for line in wrap(printable(f"{known.gateway}  {said}"), columns, subsequent_indent="    ")
    ]
    return [*lines, "", *wrong] if wrong else lines


def _troubles(known: Known) -> Iterator[str]:
    from edge_agent.rollout.messages import UNSUCCESSFUL

    if known.state in UNSUCCESSFUL:
        yield f"{_words(known.state)}: {known.reason}"
    yield from known.wrong


def _known(name: str, member: "Member", sighting: "Sighting | None", refused: str | None) -> Known:
    report = None if sighting is None else sighting.report
    wrong = []
    if sighting is not None and sighting.cloned is not None:
        wrong.append(f"CLONED: two gateways hold its key: {sighting.cloned}")
    elif refused is not None:
        wrong.append(f"a report was refused: {refused}")
    if report is not None:
        wrong += report.warnings
        wrong += [
            f"{asset}: {run.state.replace('_', ' ') if run.name else 'no model yet'}"
            for asset, run in report.running.items()
            if run.state != "running"
        ]
    return Known(
        gateway=name,
        groups=member.groups,
        enrolled=member.enrolled,
        last_seen=None if sighting is None else min(sighting.at, sighting.report.at),
        state=None if report is None else report.state,
        reason=None if report is None else report.reason,
        running={} if report is None else report.running,
        wrong=tuple(wrong),
    )


def _row(known: Known, now: datetime) -> tuple[str, ...]:
    models = sorted(
        {f"{r.name}@{r.version} {(r.sha256 or '')[:8]}" for r in known.running.values() if r.name}
    )
    seen = known.last_seen
    return (
        known.gateway,
        ", ".join(known.groups) or "-",
        "never" if seen is None else f"{duration_text((now - seen).total_seconds())} ago",
        _words(known.state),
        ", ".join(models) or "-",
    )


def _words(state: str | None) -> str:
    return (state or "-").replace("_", " ")
