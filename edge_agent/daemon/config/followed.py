"""What ``bundle`` of an asset may say: a file, or ``line:NAME``, whatever is installed as that."""

import re
from pathlib import Path

from edge_agent.rollout.install.place import CURRENT, MODEL_FILE

LINE_FORM = "line: and a name of letters, digits, _ . and -, up to 64, that begins with no dot"
MODELS = "models"
_BELOW = 3  # LINE/current/model.edgemodel
_PREFIX = "line:"
_LINE = re.compile(r"(?!\.)[A-Za-z0-9_.-]{1,64}\Z")


def bundle_path(bundle: str, folder: Path, state_dir: Path) -> str:
    """Return the absolute path of what ``bundle`` says.

    Args:
        bundle: as the configuration says it.
        folder: that relative paths start from.
        state_dir: the agent's.
    """
    if not bundle.startswith(_PREFIX):
        return str(folder / bundle)
    return str(installed_file(state_dir, bundle.removeprefix(_PREFIX)))


def installed_file(state_dir: Path, line: str) -> Path:
    """Return where the bundle lies that is installed for a line; the agent swaps the link in it."""
    return state_dir / MODELS / line / CURRENT / MODEL_FILE


def followed_line(bundle: str, state_dir: Path) -> str | None:
    """Return the line that an asset with the absolute path ``bundle`` follows; None: a file."""
    path = Path(bundle)
    parts = path.parts
    line = parts[-3] if len(parts) > _BELOW else ""
    return line if line and path == installed_file(state_dir, line) else None


def awaited_line(bundle: str) -> str | None:
    """Return the line whose first model the absolute path ``bundle`` waits for; None: none."""
    path = Path(bundle)
    if len(path.parts) <= _BELOW or path.exists():
        return None
    line = path.parts[-_BELOW]
    return line if path == installed_file(path.parents[_BELOW], line) else None


def is_misnamed(bundle: object) -> bool:
    """Say whether a line is meant that cannot be one."""
    if not isinstance(bundle, str) or not bundle.startswith(_PREFIX):
        return False
    return _LINE.match(bundle.removeprefix(_PREFIX)) is None
