"""Whatever happens to the control loop, and in whatever order: no tick is unsafe."""

from pathlib import Path

import pytest
from random_runs import RandomRun

from aloe_data.rig_file import load_rig

RIG = load_rig(Path(__file__).parents[2] / "config" / "rig_sim.yaml")
TICKS = 80
BLOCKS = 8  # of sequences, each a test
IN_SUITE = 240
IN_ALL = 20_000


@pytest.mark.timeout(3600)  # with --long a block takes many minutes
@pytest.mark.parametrize("block", range(BLOCKS))
def test_no_tick_of_a_random_sequence_is_unsafe(block, request):
    number = (IN_ALL if request.config.getoption("--long") else IN_SUITE) // BLOCKS
    armed = 0
    for seed in range(block * number, (block + 1) * number):
        run = RandomRun(RIG, seed)
        unsafe = run.run(TICKS)
        assert not unsafe, f"seed {seed}: {unsafe}; what happened last: {run.told[-12:]}"
        armed += any(words.endswith(": armed") for words in run.told)
    assert armed > 0.3 * number, "sequences in which nothing moves say nothing"
