"""A limited time that ends when it should, whoever sets the clock, and over restarts."""

from dataclasses import dataclass

import msgspec


@dataclass(frozen=True, slots=True)
class Now:
    """This moment by both clocks.

    Attributes:
        utc_ns: wall time.
        boot_ns: CLOCK_BOOTTIME, which nobody sets.
        boot_id: of this run of the machine.
    """

    utc_ns: int
    boot_ns: int
    boot_id: str


class Term(msgspec.Struct, frozen=True, kw_only=True):
    """Ends by the clock that nobody sets; by wall time only over a restart of the machine.

    Attributes:
        boot_id: of the run of the machine in which ``ends_boot_ns`` means something.
        ends_boot_ns: end by CLOCK_BOOTTIME.
        ends_utc_ns: end by wall time, as it was set then.
        span_ns: the whole of it; no clock makes it longer.
    """

    boot_id: str
    ends_boot_ns: int
    ends_utc_ns: int
    span_ns: int

    def left_ns(self, now: Now) -> int:
        """Return nanoseconds until the end; 0 or less: it is over."""
        if now.boot_id == self.boot_id:
            return self.ends_boot_ns - now.boot_ns
        return min(self.ends_utc_ns - now.utc_ns, self.span_ns)


def term(span_ns: int, now: Now) -> Term:
    """Return a term of ``span_ns`` from ``now``."""
    return Term(
        boot_id=now.boot_id,
        ends_boot_ns=now.boot_ns + span_ns,
        ends_utc_ns=now.utc_ns + span_ns,
        span_ns=span_ns,
    )


def begun_again(before: Term, now: Now) -> Term:
    """Return ``before`` as it goes on after a restart, on the clock of this run of the machine."""
    left = term(before.left_ns(now), now)
    return msgspec.structs.replace(left, span_ns=before.span_ns)
