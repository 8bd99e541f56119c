"""What somebody at the gateway brings: an exported repository on a stick, or a bundle's file.

This module verifies it in a process of its own, and puts it beside what runs; see ``orders`` for
both ends of it.
"""

from pathlib import Path
from typing import Literal

from edge_agent.bundle import Bundle, BundleError
from edge_agent.bundle.bundle import LIMIT_BYTES, SUFFIX
from edge_agent.bundle.manifest import identity_problem
from edge_agent.disk import DISK, Disk
from edge_agent.rollout.child import do_order
from edge_agent.rollout.enrolment import ROOT_FILE, Enrolment, EnrolmentError, read_enrolment
from edge_agent.rollout.install.accept import UnacceptableError, accept_version
from edge_agent.rollout.install.examine import ExaminationError, examine
from edge_agent.rollout.install.fetch import Deadline, FolderFetcher
from edge_agent.rollout.install.orders import ByHand, Placing
from edge_agent.rollout.install.place import Lines, Placed, PlaceError
from edge_agent.rollout.install.turn import BusyError, one_at_a_time
from edge_agent.rollout.install.verify import Verifier, VerifyError
from edge_agent.rollout.messages import WantedModel
from edge_agent.rollout.precedence import precedence

Kind = Literal["refused", "bad", "choice", "failed"]


class _RefusedError(Exception):
    """Nothing is placed; the message says why."""

    def __init__(self, kind: Kind, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


def install(order: ByHand, disk: Disk = DISK) -> Placing:
    """Verify and place what somebody brings, or say why that cannot be."""
    warnings: list[str] = []
    try:
        with one_at_a_time(Path(order.state_dir) / "update", disk):
            model, content = _brought(order, warnings, disk)
            folder = _place(order, model, content, warnings, disk)
    except _RefusedError as error:
        return Placing(refused=str(error), kind=error.kind, warnings=tuple(warnings))
    except (VerifyError, UnacceptableError) as error:
        return Placing(refused=str(error), kind="refused", warnings=tuple(warnings))
    except (ExaminationError, BundleError) as error:
        return Placing(refused=str(error), kind="bad", warnings=tuple(warnings))
    except (PlaceError, EnrolmentError, BusyError, OSError) as error:
        return Placing(refused=str(error), kind="failed", warnings=tuple(warnings))
    return Placing(
        line=model.line,
        folder=folder,
        name=model.name,
        version=model.version,
        sha256=model.sha256,
        warnings=tuple(warnings),
    )


def _brought(order: ByHand, warnings: list[str], disk: Disk) -> tuple[WantedModel, bytes]:
    enrolment = _enrolment(order)
    path = Path(order.path)
    if not path.is_dir():
        return _file(order, path, enrolment, warnings)
    if enrolment is None or order.enrolment is None:
        raise _RefusedError(
            "refused", f"{path}: the gateway is not enrolled: nothing tells whose folder it is"
        )
    fetcher = FolderFetcher(path, Deadline(order.timeout_s))
    bootstrap = (Path(order.enrolment) / ROOT_FILE).read_bytes()
    update = Path(order.state_dir) / "update"
    verifier = Verifier(update, bootstrap, enrolment.enrolled, fetcher, disk)
    warnings.extend(verifier.refresh(synchronised=order.synchronised))
    chosen = _choose(order, verifier.paths())
    target = verifier.target(chosen)
    if target is None:
        raise VerifyError(f"{chosen} is not among the targets of the repository")
    name, _, file = chosen.rpartition("/")
    model = WantedModel(
        line=_line(order, name),
        name=name,
        version=_version(name, file),
        sha256=target.hashes.get("sha256", ""),
        length=target.length,
        target=chosen,
    )
    _accept(order, model, enrolment)
    return model, verifier.fetch(target)


def _file(
    order: ByHand, path: Path, enrolment: Enrolment | None, warnings: list[str]
) -> tuple[WantedModel, bytes]:
    if enrolment is not None and not order.unsigned:
        raise _RefusedError(
            "refused",
            f"{path}: a file that nobody signed; the gateway is enrolled, allowed: a folder of"
            " edge-rollout export, or --unsigned",
        )
    with path.open("rb") as opened:
        content = opened.read(LIMIT_BYTES + 1)
    bundle = Bundle.decode(content, str(path))
    name, version = bundle.manifest.name, bundle.manifest.version
    if order.model not in (None, f"{name}@{version}"):
        raise _RefusedError("choice", f"{path}: holds {name}@{version}, not {order.model}")
    warnings.append(f"{path}: nobody signed it")
    model = WantedModel(
        line=_line(order, name),
        name=name,
        version=version,
        sha256=bundle.sha256,
        length=len(content),
        target=str(path),
    )
    _accept(order, model, enrolment)
    return model, content


def _accept(order: ByHand, model: WantedModel, enrolment: Enrolment | None) -> None:
    """Refuse what is too low; what somebody at the gateway insists on still keeps to the floor."""
    lines = Lines(Path(order.state_dir) / "models")
    current = lines.current(model.line)
    accept_version(
        model,
        None if current is None else lines.placed(model.line, current),
        None if enrolment is None else enrolment.floors.get(model.line),
        allow_downgrade=order.allow_downgrade,
    )


def _place(
    order: ByHand, model: WantedModel, content: bytes, warnings: list[str], disk: Disk
) -> str:
    assets = [asset for asset in order.assets if asset.line == model.line]
    warnings.extend(examine(content, model, assets))
    lines = Lines(Path(order.state_dir) / "models", disk)
    return lines.place(model.line, Placed.of(model), content)


def _enrolment(order: ByHand) -> Enrolment | None:
    if order.enrolment is None:
        return None
    return read_enrolment(Path(order.enrolment), order.gateway)


def _choose(order: ByHand, paths: list[str]) -> str:
    """Return which target is meant."""
    found = {
        f"{name}@{_version(name, file)}": path
        for path in paths
        for name, _, file in [path.rpartition("/")]
        if identity_problem(name, _version(name, file)) is None
    }
    allowed = ", ".join(sorted(found)) or "nothing, as it holds no model"
    if order.model is not None:
        if order.model not in found:
            raise _RefusedError("choice", f"model {order.model}: allowed: {allowed}")
        return found[order.model]
    names = {model.partition("@")[0] for model in found}
    if len(names) > 1 and order.line in names:
        names = {order.line}
    if len(names) != 1:
        raise _RefusedError("choice", f"{order.path}: which model? allowed: {allowed}")
    (name,) = names
    versions = [model.partition("@")[2] for model in found if model.startswith(f"{name}@")]
    return found[f"{name}@{max(versions, key=precedence)}"]


def _version(name: str, file: str) -> str:
    return file.removeprefix(f"{name}-").removesuffix(SUFFIX)


def _line(order: ByHand, name: str) -> str:
    """Return for which line it is: as said, else by its name, else the only one."""
    lines = sorted({asset.line for asset in order.assets})
    if order.line is None and name not in lines and len(lines) == 1:
        return lines[0]
    line = order.line or name
    if line not in lines:
        allowed = ", ".join(lines) or "none, as no asset follows a line"
        raise _RefusedError("choice", f"line {line}: followed by no asset, allowed: {allowed}")
    return line


if __name__ == "__main__":
    do_order(ByHand, install)
