"""A second publisher of joint states: its messages are no measurement, and no arm is enabled upon them."""

import numpy as np
from loop_bench import HOME, RIG, TICK, Bench, wave

SECOND_NODE = "stop the second node that publishes it"


def with_zeros(bench: Bench, every: int, shift_ns: int = 5_000_000) -> None:
    """From now on another node says that the left arm is at 0, at every so many ticks."""
    arm = RIG.arms[0]
    feed = bench.feed
    count = [0]

    def fed() -> None:
        feed()
        count[0] += 1
        if count[0] % every == 0:
            bench.loop.set_joint_state(arm.name, bench.now_ns + shift_ns, np.zeros(arm.dof))

    bench.feed = fed


def test_no_arm_is_enabled_while_its_joint_states_contradict_each_other():
    bench = Bench()
    with_zeros(bench, every=1)
    results = bench.run(20)
    assert all(np.abs(result.arms[0].executed - HOME[: RIG.arms[0].dof]).max() < 1e-9 for result in results)
    ok, message = bench.loop.arm(bench.now_ns)
    assert not ok
    assert "left_arm (/left_arm/joint_states): joint pitch is at" in message
    assert SECOND_NODE in message


def test_an_arm_that_a_reset_put_elsewhere_is_enabled_from_where_it_stays():
    bench = Bench()
    bench.run(10)
    bench.joints[0] += 0.5
    bench.run(1)
    assert "waiting for the next" in bench.loop.arm(bench.now_ns)[1]
    bench.run(12)  # long enough to be seen at rest there
    bench.arm()
    np.testing.assert_allclose(bench.run(1)[0].commands["left_arm"], bench.joints[: RIG.arms[0].dof], atol=1e-6)


def test_one_foreign_message_stops_nothing_and_a_second_publisher_stops_motion_with_its_name():
    bench = Bench()
    bench.policy = wave
    bench.arm()
    bench.run(50)
    bench.loop.set_joint_state("left_arm", bench.now_ns + 1, np.zeros(RIG.arms[0].dof))
    assert not any(result.fault for result in bench.run(50))
    with_zeros(bench, every=1)
    limit = round(RIG.arms[0].max_age_s * 1e9 / TICK)
    results = bench.run(limit + 5)
    assert not results[limit - 5].fault
    assert "joint states of 'left_arm' is silent" in results[-1].fault
    assert SECOND_NODE in results[-1].fault
