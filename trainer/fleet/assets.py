"""The assets of a fleet: a TOML file that says what each is, or a pattern of recordings."""

import tomllib
from collections import Counter
from glob import glob
from pathlib import Path
from typing import Annotated, Any

import msgspec

from edge_agent.bundle import identity_problem
from edge_agent.recordings import RecordingOptions

_MAX_SEED = 2**31 - 1
_Positive = Annotated[int, msgspec.Meta(ge=1)]


class FleetError(ValueError):
    """The fleet's file is wrong; the message names file and key."""


class Asset(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One machine: its recording, and what the commands' options say of a single one.

    Attributes:
        name: of the asset and of what is made for it.
        data: recording, a file or a folder; relative to the fleet's file.
        healthy: windows known to be healthy, ``A:B``; None where only features are wanted.
        recipe: name of a recipe, or a recipe file relative to the fleet's file.
        channels: see RecordingOptions, as are the next three.
        rate_hz: likewise.
        unit: likewise.
        decimate: likewise.
        window: samples per window.
        hop: samples from window to window.
        version: of the bundle.
        seed: of all random numbers; the recipe's by default.
        input_of: for collected features: the bundle that computed them, relative to the fleet's
            file, whose input and feature plugins are taken over.
    """

    name: str
    data: str
    healthy: str | None = None
    recipe: str = "default"
    channels: tuple[str, ...] = ()
    rate_hz: float | None = None
    unit: str | None = None
    decimate: int = 1
    window: _Positive | None = None
    hop: _Positive | None = None
    version: str = "0.1.0"
    seed: Annotated[int, msgspec.Meta(ge=0, le=_MAX_SEED)] | None = None
    input_of: str | None = None

    def __post_init__(self) -> None:
        """Refuse what would say another input than that of a bundle. Raises ValueError."""
        if self.input_of is None:
            return
        if (self.options, self.window, self.hop) != (RecordingOptions(), None, None):
            raise ValueError(
                "channels, rate_hz, unit, decimate, window and hop are not for input_of, whose"
                " bundle says input and features"
            )

    @property
    def options(self) -> RecordingOptions:
        """What the recording's format may not say."""
        return RecordingOptions(
            channels=self.channels, rate_hz=self.rate_hz, unit=self.unit, decimate=self.decimate
        )

    @property
    def healthy_windows(self) -> tuple[int, int] | None:
        """The range that ``healthy`` states, None where it states none."""
        return None if self.healthy is None else _range(self.healthy)


def read_assets(path: Path) -> tuple[Asset, ...]:
    """Read the TOML file of a fleet: ``[[asset]]`` tables, and ``[defaults]`` for all of them.

    Raises:
        FleetError: it cannot be read, a key or value is wrong, no asset is in it, or two have one
            name.
    """
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise FleetError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise FleetError(f"{path}: {error}") from error
    unknown = sorted(content.keys() - {"asset", "defaults"})
    if unknown:
        raise FleetError(f"{path}: {unknown[0]!r} found, allowed: [defaults] and [[asset]]")
    tables, defaults = content.get("asset"), content.get("defaults", {})
    if not isinstance(tables, list) or not tables or not isinstance(defaults, dict):
        raise FleetError(f"{path}: holds no [[asset]], allowed: at least one")
    own = sorted({"name", "data"} & defaults.keys())
    if own:
        raise FleetError(f"{path}: defaults: {own[0]!r} found, allowed: in an [[asset]] only")
    assets = tuple(_asset(path, i, defaults, table) for i, table in enumerate(tables, 1))
    _require_names(str(path), assets)
    return assets


def matching_assets(pattern: str, shared: dict[str, Any]) -> tuple[Asset, ...]:
    """Return one asset for each recording that ``pattern`` matches, named after its stem.

    Args:
        pattern: of the shell's kind, as ``recordings/*.npz``.
        shared: further attributes, the same for all.

    Raises:
        FleetError: nothing matches, or two recordings give one name.
    """
    found = sorted(glob(pattern, recursive=True))  # noqa: PTH207 - the pattern may be absolute
    if not found:
        raise FleetError(f"{pattern}: matches no recording, allowed: at least one")
    assets = tuple(
        Asset(name=_stem(Path(p)), data=str(Path(p).absolute()), **shared) for p in found
    )
    _require_names(pattern, assets)
    return assets


def _asset(path: Path, number: int, defaults: dict[str, Any], table: dict[str, Any]) -> Asset:
    where = f"{path}: asset {number}"
    try:
        asset = msgspec.convert({**defaults, **table}, Asset)
        if asset.healthy is not None:
            _range(asset.healthy)
    except ValueError as error:  # msgspec's are of this kind too
        raise FleetError(f"{where}: {error}") from error
    problem = identity_problem(asset.name, asset.version)
    if problem is not None:
        raise FleetError(f"{where}: {problem}")
    beside = path.absolute().parent
    recipe = str(beside / asset.recipe) if asset.recipe.endswith(".toml") else asset.recipe
    origin = None if asset.input_of is None else str(beside / asset.input_of)
    return msgspec.structs.replace(
        asset, data=str(beside / asset.data), recipe=recipe, input_of=origin
    )


def _range(text: str) -> tuple[int, int]:
    first, colon, last = text.partition(":")
    if not (colon and first.isdecimal() and last.isdecimal() and int(first) < int(last)):
        raise ValueError(f"healthy is {text!r}, allowed: A:B with whole numbers and A below B")
    return int(first), int(last)


def _stem(path: Path) -> str:
    """Return the file's name without its ending; a folder has none, dots or not."""
    return path.name if path.is_dir() else path.stem


def _require_names(where: str, assets: tuple[Asset, ...]) -> None:
    for asset in assets:
        problem = identity_problem(asset.name, asset.version)
        if problem is not None:
            raise FleetError(f"{where}: {asset.data}: {problem}")
    # one file system in two holds pump-1 and PUMP-1 for the same file
    name, count = Counter(asset.name.lower() for asset in assets).most_common(1)[0]
    if count > 1:
        raise FleetError(f"{where}: {count} assets are named {name!r}, allowed: one")
