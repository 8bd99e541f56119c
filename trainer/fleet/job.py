"""A job: all that decides what is made for one asset, and the digest that tells it from another."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from edge_agent import __version__
from edge_agent.recordings import RecordingOptions
from trainer.confirmed import labels_beside
from trainer.fleet.assets import Asset, FleetError
from trainer.recipe import Recipe, load_recipe


class Training(msgspec.Struct, frozen=True, kw_only=True):
    """What training needs beside the recording; see trainer.train.Order."""

    healthy: tuple[int, int]
    version: str
    seed: int


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be made for one asset; goes to another machine as it is.

    Attributes:
        asset: its name.
        data: absolute path of the recording, the same on every machine.
        options: about it.
        window: samples per window where the user says so.
        hop: likewise.
        recipe: whole.
        input_of: absolute path of the bundle that computed the features of the recording.
        training: None where only features are wanted.
        folder: absolute path of the folder to write to, the same on every machine.
    """

    asset: str
    data: str
    options: RecordingOptions
    window: int | None
    hop: int | None
    recipe: Recipe
    training: Training | None
    folder: str
    input_of: str | None = None

    @property
    def file(self) -> Path:
        """The feature table or the bundle."""
        ending = "csv" if self.training is None else "edgemodel"
        return Path(self.folder) / f"{self.asset}.{ending}"

    @property
    def record(self) -> Path:
        """The file beside it that says what it was made from."""
        return self.file.with_name(f"{self.file.name}.job.json")

    def digest(self) -> str:
        """Return the sha256 of all that decides on the result.

        The recording counts by the names, sizes and times of change of its files: reading a hundred
        gigabytes to find that nothing is to be done would be no resuming.

        Raises:
            OSError: the recording is not there or cannot be looked at.
        """
        path = Path(self.data)
        files = [path] if not path.is_dir() else [p for p in path.rglob("*") if p.is_file()]
        files = sorted({*files, *labels_beside(path)})  # those of a day lie beside its folder
        data = [(os.path.relpath(p, path.parent), *_size_and_time(p)) for p in files]
        origin = None if self.input_of is None else sha256_of(Path(self.input_of))
        decides = msgspec.structs.replace(self, data="", folder="", input_of=origin)
        encoded = msgspec.json.encode((__version__, decides, data), order="deterministic")
        return hashlib.sha256(encoded).hexdigest()


def feature_jobs(assets: Iterable[Asset], folder: Path) -> tuple[Job, ...]:
    """Return the jobs that write a feature table for each asset.

    Raises:
        RecipeError: there is no such recipe, or it is wrong.
        FleetError: the features of an asset have been computed already.
    """
    assets = tuple(assets)
    for asset in assets:
        if asset.input_of is not None:
            raise FleetError(f"asset {asset.name}: input_of is for training, allowed: without it")
    return tuple(_job(asset, recipe, None, folder) for asset, recipe in _with_recipes(assets))


def training_jobs(assets: Iterable[Asset], folder: Path) -> tuple[Job, ...]:
    """Return the jobs that write a bundle for each asset.

    Raises:
        RecipeError: there is no such recipe, or it is wrong.
        FleetError: an asset states no healthy part.
    """
    jobs = []
    for asset, recipe in _with_recipes(assets):
        healthy = asset.healthy_windows
        if healthy is None:
            raise FleetError(f"asset {asset.name}: healthy is missing, allowed: A:B")
        seed = recipe.seed if asset.seed is None else asset.seed
        training = Training(healthy=healthy, version=asset.version, seed=seed)
        jobs.append(_job(asset, recipe, training, folder))
    return tuple(jobs)


def _with_recipes(assets: Iterable[Asset]) -> Iterator[tuple[Asset, Recipe]]:
    known: dict[str, Recipe] = {}
    for asset in assets:
        if asset.recipe not in known:
            known[asset.recipe] = load_recipe(asset.recipe)
        yield asset, known[asset.recipe]


def _job(asset: Asset, recipe: Recipe, training: Training | None, folder: Path) -> Job:
    return Job(
        asset=asset.name,
        data=asset.data,
        options=asset.options,
        window=asset.window,
        hop=asset.hop,
        recipe=recipe,
        training=training,
        folder=str(folder.absolute()),
        input_of=asset.input_of,
    )


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _size_and_time(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns
