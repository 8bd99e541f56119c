"""The sets of recordings that results are made from: where they lie and what is known of them."""

import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edge_agent.calibration.series import Series
from edge_agent.pipeline.block import table_input
from edge_agent.recordings import RecordingOptions, open_recording
from trainer.data import input_spec, read_series
from trainer.metrics import NabWindow
from trainer.recipe import Recipe

Kind = Literal["run to failure", "seeded fault", "labelled"]

_IMS = "ims_2nd_test/ims_2nd_test_features.csv"
_CWRU = "cwru/cwru_dev_mat.zip"
_CWRU_WINDOW = (1024, 512)  # samples and hop
_NORMAL = "Normal/97_Normal_0.mat"
_FAULTS_48K = ("IR/007/109_0", "B/007/122_0", "OR/007/@6/135_0")
_FAULTS_12K = ("IR/007/105_0", "B/007/118_0", "OR/007/@6/130@6_0")
_SMD = ("machine-1-6", "machine-2-1", "machine-2-8", "machine-3-3")
_ECG = ("chfdb_chf13_45590", "chfdb_chf01_275")


@dataclass(frozen=True, slots=True)
class Source:
    """A file and how it is read."""

    path: Path
    options: RecordingOptions
    window: int | None = None
    hop: int | None = None

    def series(self, recipe: Recipe) -> Series:
        """Return the recipe's features of the file."""
        recording = open_recording(self.path, self.options)
        return read_series(recording, recipe, input_spec(recording, recipe, self.window, self.hop))


@dataclass(frozen=True, slots=True)
class Case:
    """One machine or series.

    Attributes:
        family: set that it belongs to.
        name: within it.
        kind: what is known of the test.
        train: what is learned from: a file, or vectors where no file of this project's formats
            holds them.
        healthy: its windows that are known to be healthy, half open; None: all.
        test: what is judged; None: the same recording.
        labels: of each window of the test, bool (n,).
        windows: labelled rows, half open, as NAB has them.
        fpt: first prediction time by the literature or by the set's own description.
        period: rows that VUS-PR takes for one cycle.
        only: recipes it is for, as the publication had it; empty: all.
    """

    family: str
    name: str
    kind: Kind
    train: Source | Series
    healthy: tuple[int, int] | None
    test: Source | Series | None = None
    labels: NDArray[np.bool_] | None = None
    windows: tuple[NabWindow, ...] = ()
    fpt: int | None = None
    period: int = 100
    only: tuple[str, ...] = ()

    @property
    def train_key(self) -> str:
        """Name of what is learned from, the same for cases that share it."""
        return self.name if isinstance(self.train, Series) else str(self.train)

    def series(self, recipe: Recipe) -> tuple[Series, Series, tuple[int, int]]:
        """Return what is learned from, what is judged, and the healthy part of the former."""
        train = self.train if isinstance(self.train, Series) else self.train.series(recipe)
        test = train
        if self.test is not None:
            test = self.test if isinstance(self.test, Series) else self.test.series(recipe)
        return train, test, self.healthy or (0, len(train.vectors))


def cases(data: Path, unpacked: Path) -> Iterator[Case]:
    """Yield every case of the folder ``data``; archives are unpacked to ``unpacked``."""
    for bearing in ("b1", "b2", "b3", "b4"):
        # bearing 1 leaves mean + 5 sigma for good at file 532; it alone failed
        yield Case(
            "IMS test 2",
            bearing,
            "run to failure",
            Source(data / _IMS, RecordingOptions(channels=(bearing,))),
            (0, 400),
            fpt=532 if bearing == "b1" else None,
        )
    for name, healthy, fpt in (("Bearing1_1", (200, 900), 1314), ("Bearing1_2", (100, 500), 826)):
        path = data / "femto" / f"{name}.npz"
        yield Case(
            "FEMTO", name, "run to failure", Source(path, RecordingOptions()), healthy, fpt=fpt
        )
    yield from _cwru(data, unpacked)
    yield from _nyc_taxi(data)
    for machine in _SMD:
        yield _smd(data, machine)
    for record in _ECG:
        yield _ecg(data, record)


def published_cases(data: Path) -> Iterator[Case]:
    """Yield the data of the publications where they differ from those of ``cases``."""
    mean_abs = data / "ims_2nd_test" / "ims_2nd_test_meanabs_first_row_dropped.csv"
    yield Case(
        "IMS test 2",
        "b1 to b4, mean |x|, files 2:447",
        "run to failure",
        Source(mean_abs, RecordingOptions()),
        (2, 447),
        fpt=532,
        only=("larzalere",),
    )
    yield Case(
        "IMS test 2",
        "b1, table without bands",
        "run to failure",
        Source(data / _IMS, RecordingOptions(channels=("b1",))),
        (0, 700),
        fpt=532,
        only=("baosight",),
    )
    (taxi,) = _nyc_taxi(data)
    for rows, recipes in (
        (9320, ("zoo-anomaly-detector",)),
        (5000, ("cerliani-quantile", "singh-stateful", "aer")),
    ):
        yield replace(taxi, name=f"nyc_taxi, first {rows} rows", healthy=(0, rows), only=recipes)


def _cwru(data: Path, unpacked: Path) -> Iterator[Case]:
    with zipfile.ZipFile(data / _CWRU) as archive:
        archive.extractall(unpacked / "cwru")
    folder = unpacked / "cwru"
    # 48 kHz records are brought to the 12 kHz of the others: one bundle serves all six
    at_48k = RecordingOptions(channels=("DE", "FE"), rate_hz=48_000.0, unit="g", decimate=4)
    at_12k = RecordingOptions(channels=("DE", "FE"), rate_hz=12_000.0, unit="g")
    normal = Source(folder / _NORMAL, at_48k, *_CWRU_WINDOW)
    for rate, faults, options in (("48k", _FAULTS_48K, at_48k), ("12k", _FAULTS_12K, at_12k)):
        for fault in faults:
            path = folder / f"{rate}_Drive_End_Bearing_Fault_Data" / f"{fault}.mat"
            name = f"{rate} {fault.split('/')[0]}"
            test = Source(path, options, *_CWRU_WINDOW)
            yield Case("CWRU", name, "seeded fault", normal, (0, 59), test)


def _nyc_taxi(data: Path) -> Iterator[Case]:
    path = data / "nab" / "realKnownCause" / "nyc_taxi.csv"
    content = (data / "nab" / "labels" / "combined_windows.json").read_text("utf-8")
    stamps = [line.split(",")[0] for line in path.read_text("utf-8").splitlines()[1:]]
    rows = {stamp: i for i, stamp in enumerate(stamps)}
    windows = tuple(
        (rows[first[:19]], rows[last[:19]] + 1)
        for first, last in json.loads(content)["realKnownCause/nyc_taxi.csv"]
    )
    yield Case(
        "NAB",
        "nyc_taxi",
        "labelled",
        Source(path, RecordingOptions()),
        (0, len(rows) // 4),
        labels=_marked(len(rows), windows),
        windows=windows,
        period=125,
    )


def _smd(data: Path, machine: str) -> Case:
    root = "ServerMachineDataset"
    with zipfile.ZipFile(data / "smd" / f"{machine}.zip") as archive:
        train, test, labels = (
            np.loadtxt(io.BytesIO(archive.read(f"{root}/{part}/{machine}.txt")), delimiter=",")
            for part in ("train", "test", "test_label")
        )
    names = tuple(f"m{i + 1}" for i in range(train.shape[1]))
    return Case(
        "SMD",
        machine,
        "labelled",
        _table(names, train, 60.0),
        None,
        _table(names, test, 60.0),
        labels=labels > 0,
    )


def _ecg(data: Path, record: str) -> Case:
    known = json.loads((data / "ecg" / "labels.json").read_text("utf-8"))[record]
    with zipfile.ZipFile(data / "ecg" / "ucr_discord_ecg_raw.zip") as archive:
        rows = np.loadtxt(io.BytesIO(archive.read(f"ecg/{record}.txt")))
    period_s = float(np.median(np.diff(rows[:, 0])))
    names = ("lead_1", "lead_2")
    first, last = known["test_rows"]
    marked = _marked(len(rows), tuple((a, b + 1) for a, b in known["anomaly_rows"]))
    return Case(
        "ECG",
        record,
        "labelled",
        _table(names, rows[slice(*known["train_rows"]), 1:], period_s),
        None,
        _table(names, rows[first:last, 1:], period_s),
        labels=marked[first:last],
    )


def _marked(rows: int, windows: tuple[NabWindow, ...]) -> NDArray[np.bool_]:
    labels = np.zeros(rows, dtype=np.bool_)
    for first, stop in windows:
        labels[first:stop] = True
    return labels


def _table(names: tuple[str, ...], rows: NDArray[np.float64], period_s: float) -> Series:
    """Return rows of a text without header as a table of features."""
    spec = table_input(names, period_s)
    starts = np.arange(len(rows), dtype=np.int64) * round(period_s * 1e9)
    return Series(
        spec,
        (),
        names,
        rows.astype(np.float32),
        starts,
        starts + round(period_s * 1e9),
        np.zeros(len(rows), dtype=np.bool_),
    )
