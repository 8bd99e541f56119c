"""A process that computes for the agent: heavy work, which may fail, beside the scoring.

The order comes to it on standard input, the outcome goes to standard output, both JSON. It makes
way for the scoring, and ends with the agent.
"""

from typing import TypeVar

import msgspec

from edge_agent.rollout.child import child_command

Outcome = TypeVar("Outcome", bound=msgspec.Struct)


class ChildError(Exception):
    """The process has no outcome; the message goes on after its name, as ``ended with 1: ...``."""


def outcome_of(
    module: str, order: msgspec.Struct, kind: type[Outcome], timeout_s: float
) -> Outcome:
    """Have ``module`` do ``order`` in a process of its own, and wait for it.

    Raises:
        ChildError: it took too long, or ended without an outcome of that ``kind``.
        OSError: no process can be started.
    """
    import subprocess  # only where there is something to compute

    try:
        ended = subprocess.run(  # noqa: S603 - this interpreter and the agent's own module
            child_command(module),
            input=msgspec.json.encode(order),
            capture_output=True,
            check=False,
            timeout=timeout_s,
        )
    except subprocess.TimeoutExpired as error:
        raise ChildError(f"took more than {timeout_s:g} s") from error
    try:
        return msgspec.json.decode(ended.stdout, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        said = ended.stderr.decode(errors="replace").strip().splitlines() or ["nothing"]
        raise ChildError(f"ended with {ended.returncode}: {said[-1]}") from error
