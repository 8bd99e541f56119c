"""How fast recordings are read, and in how much memory, beside numpy that reads them whole.

    python -m benchmarks.reading [--size-mb 200] [--only npz ...]

Writes a file (or folder) of each format, reads it to the end in a process of its own as training
does, once block by block and once to features, and deletes it. Prints one JSON object.
``memory_share`` is what the process took beyond what it had before it opened the file, as a share
of the file's size; where every row becomes a vector that is kept, the vectors are a part of it.
"""

import argparse
import io
import json
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

_MB = 1_000_000
_RATE_HZ = 20_000.0
_CHANNELS = 2
_BURST = 4096


class Format(msgspec.Struct, frozen=True):
    """One format: how a file of it is made, and how numpy reads it.

    Attributes:
        write: makes it in a folder, of about so many bytes; returns its path.
        whole: an expression that reads ``path`` with numpy, or pyarrow, into memory at once.
        rate_hz: where the format states none.
    """

    write: Callable[[Path, int], Path]
    whole: str
    rate_hz: float | None = None


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What reading one file took.

    Attributes:
        size_mb: of the file or folder.
        mb_per_s: of its bytes, block by block.
        whole_mb_per_s: where numpy (Parquet: pyarrow) reads the file at once.
        speed_ratio: the first over the second.
        memory_mb: most memory beyond the start, blocks and features alike.
        memory_share: of the file's size.
        kept_mb: vectors and times that training keeps.
        whole_memory_mb: where it is read at once.
    """

    size_mb: float
    mb_per_s: float
    whole_mb_per_s: float
    speed_ratio: float
    memory_mb: float
    memory_share: float
    kept_mb: float
    whole_memory_mb: float


def _noise(rows: int, columns: int) -> NDArray[np.float32]:
    return np.random.default_rng(1).standard_normal((rows, columns)).astype(np.float32)


def _repeated(path: Path, head: bytes, part: bytes, size: int) -> Path:
    with path.open("wb") as file:
        file.write(head)
        for _ in range(max(1, size // len(part))):
            file.write(part)
    return path


def _npy_head(shape: tuple[int, ...], dtype: str = "<f4") -> bytes:
    head = io.BytesIO()
    kind = {"descr": dtype, "fortran_order": False, "shape": shape}
    npy_format.write_array_header_1_0(head, kind)
    return head.getvalue()


def _write_npy(folder: Path, size: int) -> Path:
    part = _noise(1 << 18, _CHANNELS).tobytes()
    count = max(1, size // len(part))
    return _repeated(folder / "r.npy", _npy_head((count << 18, _CHANNELS)), part, size)


def _write_npz(folder: Path, size: int) -> Path:
    """Compressed as np.savez_compressed does it, of thousandths as the public data sets are."""
    part = np.round(1000 * _noise(64 * _BURST, _CHANNELS)).astype("<i2").tobytes()
    path = folder / "r.npz"
    # Noise of this kind becomes about 0.8 of its size.
    count = max(1, int(size / 0.8) // len(part))
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("acc_milli.npy", "w", force_zip64=True) as member,
    ):
        member.write(_npy_head((64 * count, _BURST, _CHANNELS), "<i2"))
        for _ in range(count):
            member.write(part)
    return path


def _write_ims(folder: Path, size: int) -> Path:
    text = io.StringIO()
    np.savetxt(text, _noise(20480, 4), fmt="%.3f", delimiter="\t")
    content = text.getvalue().encode()
    runs = folder / "ims"
    runs.mkdir()
    for i in range(max(1, size // len(content))):
        hour, minute = divmod(i, 6)
        day, hour = divmod(hour, 24)
        name = f"2004.{1 + day // 28:02d}.{1 + day % 28:02d}.{hour:02d}.{minute}0.00"
        (runs / name).write_bytes(content)
    return runs


def _write_wav(folder: Path, size: int) -> Path:
    part = np.round(5000 * _noise(1 << 18, _CHANNELS)).astype("<i2").tobytes()
    data = max(1, size // len(part)) * len(part)
    form = np.array([1, _CHANNELS], "<u2").tobytes() + np.array([20000, 80000], "<u4").tobytes()
    form += np.array([2 * _CHANNELS, 16], "<u2").tobytes()
    head = b"RIFF" + (36 + data).to_bytes(4, "little") + b"WAVEfmt \x10\0\0\0" + form
    return _repeated(folder / "r.wav", head + b"data" + data.to_bytes(4, "little"), part, size)


def _write_csv(folder: Path, size: int) -> Path:
    text = io.StringIO()
    np.savetxt(text, _noise(1 << 15, _CHANNELS), fmt="%.5f", delimiter=",")
    return _repeated(folder / "r.csv", b"x,y\n", text.getvalue().encode(), size)


def _write_parquet(folder: Path, size: int) -> Path:
    """As pandas writes it: row groups of a million rows."""
    import pyarrow as pa
    from pyarrow import parquet

    rows = _noise(1 << 20, _CHANNELS)
    table = pa.table({"x": rows[:, 0].copy(), "y": rows[:, 1].copy()})
    path = folder / "r.parquet"
    with parquet.ParquetWriter(path, table.schema, use_dictionary=False) as writer:
        for _ in range(max(1, size // rows.nbytes)):
            writer.write_table(table)
    return path


def _write_table_csv(folder: Path, size: int) -> Path:
    path = folder / "t.csv"
    names = [f"b{i}_{name}" for i in range(1, 5) for name in ("rms", "kurtosis", "peak")]
    some = [",".join(f"{value:.7g}" for value in row) for row in _noise(1024, len(names))]
    with path.open("w") as file:
        file.write(",".join(("time", *names)) + "\n")
        for i in range(max(1, size // (len(some[0]) + 12))):
            file.write(f"{1_600_000_000 + i},{some[i % 1024]}\n")
    return path


def _write_table_parquet(folder: Path, size: int) -> Path:
    import pyarrow as pa
    from pyarrow import parquet

    names = [f"b{i}_{name}" for i in range(1, 5) for name in ("rms", "kurtosis", "peak")]
    rows = _noise(1 << 16, len(names))
    columns = {name: rows[:, i].copy() for i, name in enumerate(names)}

    def part(number: int) -> pa.Table:
        times = 1_600_000_000 + number * len(rows) + np.arange(len(rows))
        return pa.table({"time": times, **columns})

    path = folder / "t.parquet"
    with parquet.ParquetWriter(path, part(0).schema, use_dictionary=False) as writer:
        for number in range(max(1, size // (len(rows) * (4 * len(names) + 3)))):
            writer.write_table(part(number))
    return path


FORMATS = {
    "npy": Format(_write_npy, "np.load(path)", _RATE_HZ),
    "npz": Format(_write_npz, "np.load(path)['acc_milli']"),
    "ims": Format(_write_ims, "[np.loadtxt(file) for file in sorted(path.iterdir())]"),
    "wav": Format(_write_wav, "np.fromfile(path, '<i2', offset=44)"),
    "csv": Format(_write_csv, "np.loadtxt(path, np.float32, delimiter=',', skiprows=1)", _RATE_HZ),
    "parquet": Format(_write_parquet, "parquet.read_table(path)", _RATE_HZ),
    "table-csv": Format(
        _write_table_csv, "np.loadtxt(path, np.float32, delimiter=',', skiprows=1)"
    ),
    "table-parquet": Format(_write_table_parquet, "parquet.read_table(path)"),
}


def measure(name: str, size: int) -> Reading:
    """Write, read and delete a file of about ``size`` bytes."""
    form = FORMATS[name]
    folder = Path(tempfile.mkdtemp(prefix="edge-agent-reading-"))
    try:
        path = form.write(folder, size)
        bytes_ = sum(file.stat().st_size for file in (path, *path.glob("*")) if file.is_file())
        lazily = _child("lazily", name, path)
        whole = _child("whole", name, path)
    finally:
        shutil.rmtree(folder)
    size_mb = bytes_ / _MB
    return Reading(
        size_mb=round(size_mb, 1),
        mb_per_s=round(size_mb / lazily["seconds"], 1),
        whole_mb_per_s=round(size_mb / whole["seconds"], 1),
        speed_ratio=round(whole["seconds"] / lazily["seconds"], 2),
        memory_mb=round(lazily["memory_mb"], 1),
        memory_share=round(lazily["memory_mb"] / size_mb, 3),
        kept_mb=round(lazily["kept_mb"], 1),
        whole_memory_mb=round(whole["memory_mb"], 1),
    )


def _child(how: str, name: str, path: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.reading", "--child", how, name, str(path)]
    ended = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(ended.stdout)
    return found


def _read_lazily(name: str, path: Path) -> dict[str, float]:
    from edge_agent.recordings import RecordingOptions, open_recording
    from trainer.data import input_spec, read_series
    from trainer.recipe import load_recipe

    recipe = load_recipe("default")
    if "parquet" in name:
        import pyarrow.parquet

        # What the library takes is not the file's; where there is a pandas, it loads that too.
        pyarrow.array([1.0]).to_numpy()
    before = _peak_mb()
    options = RecordingOptions(rate_hz=FORMATS[name].rate_hz)
    began_s = time.perf_counter()
    recording = open_recording(path, options)
    samples = sum(len(block.samples) for block in recording.blocks())
    seconds = time.perf_counter() - began_s
    series = read_series(recording, recipe, input_spec(recording, recipe))
    kept = series.vectors.nbytes + 17 * len(series.vectors)
    return {
        "seconds": seconds,
        "samples": samples,
        "memory_mb": _peak_mb() - before,
        "kept_mb": kept / _MB,
    }


def _read_whole(name: str, path: Path) -> dict[str, float]:
    known = {"np": np, "path": path}
    if "parquet" in FORMATS[name].whole:
        from pyarrow import parquet

        known["parquet"] = parquet
    before, began_s = _peak_mb(), time.perf_counter()
    kept = eval(FORMATS[name].whole, known)  # noqa: S307 - one of the expressions above
    seconds = time.perf_counter() - began_s
    return {"seconds": seconds, "memory_mb": _peak_mb() - before, "items": len(kept)}


def _peak_mb() -> float:
    # Not getrusage: its peak is inherited from the process that started this one.
    lines = Path("/proc/self/status").read_text().splitlines()
    (kib,) = (int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    return kib * 1024 / _MB


def main() -> None:
    """Measure, or be the process that reads."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--size-mb", type=int, default=200)
    parser.add_argument("--only", choices=FORMATS, nargs="*", default=list(FORMATS))
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        how, name, path = given.child
        read = _read_lazily if how == "lazily" else _read_whole
        print(json.dumps(read(name, Path(path))))
        return
    print(json.dumps(dict(_measured(given.only, given.size_mb * _MB)), indent=2))


def _measured(names: list[str], size: int) -> Iterator[tuple[str, object]]:
    for name in names:
        print(f"{name} ...", file=sys.stderr)
        yield name, msgspec.to_builtins(measure(name, size))


if __name__ == "__main__":
    main()
