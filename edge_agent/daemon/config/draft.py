"""Reads the configuration and says everything that is wrong with it at once."""

from dataclasses import dataclass
from math import isfinite
from operator import attrgetter
from pathlib import Path
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from edge_agent.daemon.config.fields import Report, convert
from edge_agent.daemon.config.followed import LINE_FORM, bundle_path, is_misnamed
from edge_agent.daemon.config.problems import ConfigError, Problem, shown
from edge_agent.daemon.config.remote import lay_over, read_settings, settings_file
from edge_agent.daemon.config.settings import (
    RESERVED_NAMES,
    STATE_DIR,
    Asset,
    Config,
    Mqtt,
)
from edge_agent.daemon.config.sources import Sources
from edge_agent.rollout.messages import RemoteSettings

_FILE_KEYS = ("password_file", "ca_file", "cert_file", "key_file")
_PASSWORD_KEYS = ("password_file", "password_env", "password_credential")


@dataclass(frozen=True, slots=True)
class Draft:
    """A configuration as far as it makes sense.

    Attributes:
        config: with defaults filled in and paths made absolute; None where something is wrong.
        assets: those that say nothing wrong by themselves, by position, with absolute paths.
        sources: to say where something stands.
        problems: everything that is wrong so far.
    """

    config: Config | None
    assets: dict[int, Asset]
    sources: Sources
    problems: list[Problem]

    def said(self, where: str) -> object:
        """Return what the files say of a key path, defaults included if all else is right too."""
        if self.config is not None:
            found: object = attrgetter(where)(self.config)
            return found
        found = self.sources.table
        for key in where.split("."):
            found = found.get(key) if isinstance(found, dict) else None
        if where == "state_dir" and isinstance(found, str):
            return str(config_folder(self.sources.main) / found)
        return found

    def report(self, where: str, found: str, allowed: str) -> None:
        """Add a problem with the key path ``where``, unless it is known."""
        problem = self.sources.problem(where, found, allowed)
        if problem not in self.problems:
            self.problems.append(problem)


def load_config(path: Path) -> Config:
    """Read ``path`` and ``config.d/*.toml`` beside it.

    Raises:
        ConfigError: with every problem of all files.
    """
    draft = read_draft(path)
    if draft.config is None or draft.problems:
        raise ConfigError(draft.problems)
    return draft.config


def read_draft(path: Path, remote: RemoteSettings | UnsetType | None = UNSET) -> Draft:
    """Read ``path`` and ``config.d/*.toml`` beside it, and note what is wrong.

    Args:
        path: the main file.
        remote: the operator's settings, which go before those of the files; unset: as kept.
    """
    sources = Sources.read(path)
    draft = Draft(None, {}, sources, list(sources.problems))
    if draft.problems and not sources.table:
        return draft  # the file itself is wrong: that keys are missing from it is no news
    state_dir = _state_dir(sources)
    if remote is UNSET:
        remote = read_settings(state_dir).in_force
    if remote is not None:
        lay_over(remote, sources, settings_file(state_dir))
    _refuse_impossible(sources.table, "", draft.report)
    config = convert(sources.table, Config, "", draft.report)
    _check_table(sources.table, draft.report)
    for index, row in enumerate(rows_of(sources.table)):
        asset = convert(row, Asset, "", lambda *_: None) if isinstance(row, dict) else None
        if asset is not None:
            draft.assets[index] = _located(asset, sources, index, state_dir)
            _check_asset(draft.assets[index], f"asset[{index}]", draft.report)
    if config is None:
        return draft
    config = _completed(config, sources, tuple(draft.assets.values()))
    _check_files(config.mqtt, draft.report)
    return Draft(config, draft.assets, sources, draft.problems)


def rows_of(table: dict[str, Any]) -> list[Any]:
    """Return the assets as TOML gives them, of whatever type they are."""
    assets = table.get("asset")
    return assets if isinstance(assets, list) else []


def _state_dir(sources: Sources) -> Path:
    stated = sources.table.get("state_dir")
    return config_folder(sources.main) / (stated if isinstance(stated, str) else STATE_DIR)


def _located(asset: Asset, sources: Sources, index: int, state_dir: Path) -> Asset:
    folder = config_folder(sources.file_of(f"asset[{index}]"))
    return msgspec.structs.replace(asset, bundle=bundle_path(asset.bundle, folder, state_dir))


def _completed(config: Config, sources: Sources, assets: tuple[Asset, ...]) -> Config:
    """Fill in what depends on other keys; make paths absolute."""
    folder = config_folder(sources.main)
    mqtt = config.mqtt
    files = {key: getattr(mqtt, key) for key in _FILE_KEYS}
    mqtt = msgspec.structs.replace(
        mqtt,
        port=mqtt.port or (8883 if mqtt.tls else 1883),
        client_id=mqtt.client_id or f"edge-agent-{config.gateway}",
        **{key: None if name is None else str(folder / name) for key, name in files.items()},
    )
    enrolment = config.update.enrolment
    if enrolment is not None:
        enrolment = str(folder / enrolment)
    return msgspec.structs.replace(
        config,
        mqtt=mqtt,
        asset=assets,
        state_dir=str(_state_dir(sources)),
        update=msgspec.structs.replace(config.update, enrolment=enrolment),
    )


def config_folder(file: Path) -> Path:
    """Return the folder that relative paths in ``file`` start from."""
    return file.absolute().parent


def _check_table(table: dict[str, Any], report: Report) -> None:
    """Check between fields, also where other fields are wrong."""
    if table.get("gateway") in RESERVED_NAMES:
        report("gateway", shown("gateway", table["gateway"]), "a name that is not reserved")
    seen: set[str] = set()
    for index, row in enumerate(rows_of(table)):
        if isinstance(row, dict) and is_misnamed(row.get("bundle")):
            report(f"asset[{index}].bundle", shown("bundle", row["bundle"]), LINE_FORM)
        name = row.get("name") if isinstance(row, dict) else None
        if not isinstance(name, str):
            continue
        if name in RESERVED_NAMES:
            report(f"asset[{index}].name", shown("name", name), "a name that is not reserved")
        if name in seen:
            report(f"asset[{index}].name", f'"{name}" a second time', "each name once")
        seen.add(name)
    mqtt = table.get("mqtt")
    if isinstance(mqtt, dict):
        _check_mqtt(mqtt, report)


def _check_mqtt(mqtt: dict[str, Any], report: Report) -> None:
    given = [key for key in _PASSWORD_KEYS if key in mqtt]
    if len(given) > 1:
        report(f"mqtt.{given[1]}", f"{' and '.join(given)}", f"one of {', '.join(_PASSWORD_KEYS)}")
    if given and "username" not in mqtt:
        report("mqtt.username", "nothing", f"a user name, as there is a {given[0]}")
    for key in ("ca_file", "cert_file", "key_file"):
        if key in mqtt and mqtt.get("tls") is not True:
            report(f"mqtt.{key}", "a file without tls", "only with tls = true")
    for one, other in (("cert_file", "key_file"), ("key_file", "cert_file")):
        if one in mqtt and other not in mqtt:
            report(f"mqtt.{other}", "nothing", f"a file, as there is a {one}")


def _check_asset(asset: Asset, where: str, report: Report) -> None:
    if len(set(asset.channels)) != len(asset.channels):
        report(f"{where}.channels", "a channel twice", "each channel once")
    if asset.sensor.sensitivity is not None and asset.sensor.unit is None:
        report(f"{where}.sensor.unit", "nothing", "a unit, as there is a sensitivity")
    if asset.sensor.memory_max_mb is not None and asset.sensor.isolation != "process":
        allowed = 'only with isolation = "process": threads share the agent\'s memory'
        report(f"{where}.sensor.memory_max_mb", "a limit for a thread", allowed)
    limit = asset.velocity_limit
    if limit is not None and not limit.is_complete:
        stated = [key for key in limit.__struct_fields__ if getattr(limit, key) is not None]
        allowed = "either group and support, with or without a zone, or mm_s alone"
        report(f"{where}.velocity_limit", " and ".join(stated) or "nothing", allowed)


def _check_files(mqtt: Mqtt, report: Report) -> None:
    for key in _FILE_KEYS:
        path = getattr(mqtt, key)
        if path is not None and not is_file(Path(path)):
            report(f"mqtt.{key}", f"{path}, where there is no file", "a file")


def is_file(path: Path) -> bool:
    """Say whether there is a file; nothing that a path may be makes this fail."""
    try:
        return path.is_file()
    except OSError:  # a name too long, or a folder that may not be entered
        return False


def _refuse_impossible(value: object, where: str, report: Report) -> None:
    """Refuse what TOML allows but no number or path can be."""
    if isinstance(value, float) and not isfinite(value):
        report(where, str(value), "a finite number")
    elif isinstance(value, str) and "\0" in value:
        report(where, "a text with the character U+0000", "a text without it")
    elif isinstance(value, dict):
        for key, item in value.items():
            _refuse_impossible(item, f"{where}.{key}" if where else key, report)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _refuse_impossible(item, f"{where}[{index}]", report)
