import dataclasses

import numpy as np
from windows import window

from edge_agent.daemon.local.lookout import BLOCK_BYTES_MAX, WINDOWS_MAX, Lookout
from edge_agent.daemon.records import AssetRecord
from edge_agent.plugin import Block

RESULT = window()
PUMP_1, PUMP_2 = AssetRecord("pump-1", "bench"), AssetRecord("pump-2", "bench")
BLOCK = Block(np.zeros((1 << 18, 1), np.float32), 0, 1000.0, "g", ("x",))


def test_nothing_is_kept_while_nobody_looks() -> None:
    lookout = Lookout()
    lookout.window("pump-1", RESULT)
    lookout.block(PUMP_1, BLOCK)
    assert lookout.take_window() is None
    assert lookout.take_block() is None


def test_only_what_is_recorded_is_kept() -> None:
    lookout = Lookout()
    lookout.recorded = frozenset(["pump-1"])
    lookout.block(PUMP_1, BLOCK)
    lookout.block(PUMP_2, BLOCK)
    assert lookout.take_block() == ("pump-1", BLOCK, None)
    assert lookout.take_block() is None


def test_windows_nobody_takes_are_bounded_and_counted() -> None:
    lookout = Lookout()
    lookout.tapped = True
    for i in range(WINDOWS_MAX + 3):
        lookout.window("pump-1", dataclasses.replace(RESULT, index=i))
    assert lookout.windows_lost == 3
    assert lookout.take_window() == ("pump-1", RESULT)


def test_blocks_nobody_takes_are_bounded_and_leave_a_gap() -> None:
    lookout = Lookout()
    lookout.recorded = frozenset(["pump-1"])
    fit = BLOCK_BYTES_MAX // BLOCK.samples.nbytes
    for _ in range(fit + 2):
        lookout.block(PUMP_1, BLOCK)
    taken = [lookout.take_block() for _ in range(fit + 1)]
    assert taken[-1] is None
    lookout.block(PUMP_1, BLOCK)
    lookout.block(PUMP_1, BLOCK)
    after = [lookout.take_block() for _ in range(2)]
    assert [seen is not None and seen[1].gap_before for seen in after] == [True, False]


def test_whoever_takes_is_woken_for_each() -> None:
    lookout, woken = Lookout(), []
    lookout.wake = lambda: woken.append(1)
    lookout.tapped, lookout.recorded = True, frozenset(["pump-1"])
    lookout.window("pump-1", RESULT)
    lookout.block(PUMP_1, BLOCK)
    lookout.block(PUMP_2, BLOCK)
    assert len(woken) == 2
