import time

from edge_agent.daemon import keeper
from edge_agent.daemon.keeper import Keeper


def test_jobs_are_done_one_after_the_other_and_what_computes_lets_others_go_first() -> None:
    kept, done = Keeper(), list[tuple[str, float]]()

    def note(name: str) -> None:
        done.append((name, time.monotonic()))

    kept.do(lambda: note("first"))
    kept.later(lambda: note("computed"))
    kept.do(lambda: note("last"))
    kept.start()
    assert kept.stop(60.0)
    assert [name for name, _ in done] == ["first", "computed", "last"]
    assert done[1][1] - done[0][1] >= keeper._MOMENT_S  # noqa: SLF001
