"""The environments to measure in: those of the agent alone where they exist, else this one."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]

# As the agent sets it for itself.
_ONE_THREAD = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}


class PartFailedError(Exception):
    """A part ended with an error; the message holds its last words."""


def interpreters(*, quick: bool) -> list[Path]:
    """Return the Python of each environment: one for each runtime, this one where quick."""
    if not quick:
        found = [
            folder / "bin" / "python"
            for pattern in (".venv-tflite", ".venv-litert-*")
            for folder in sorted(ROOT.glob(pattern))
            if (folder / ".complete").exists()
        ]
        if found:
            return found
    return [Path(sys.executable)]


def call(python: Path, *arguments: str) -> bytes:
    """Run a module of this package with the interpreter ``python``; return what it printed.

    Raises:
        PartFailedError: it did not end well.
    """
    environment = {**os.environ, **_ONE_THREAD}
    # An installed agent finds its modules compiled; it would have to compile at every start here.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(
        [str(python), "-m", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise PartFailedError(f"{' '.join(arguments)}: {said[-1] if said else 'it said nothing'}")
    return done.stdout
