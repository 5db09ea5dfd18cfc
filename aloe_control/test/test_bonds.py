"""Motion ends with whoever records it and whoever keeps its time."""

from hypothesis import given
from hypothesis import strategies as st

from aloe_control.bonds import LIMIT_S, Bonds, bonded_nodes

NODES = ("episode_node", "recorder_node")


def both(now_s: float = 0.0) -> Bonds:
    bonds = Bonds(NODES)
    for node in NODES:
        bonds.heard(node, "IDLE", "", now_s)
    return bonds


def test_a_node_that_was_never_heard_or_has_fallen_silent_is_named() -> None:
    (episode, recorder) = Bonds(NODES).problems(0.0)
    assert "episode_node has not been heard on /heartbeat" in episode and "recorder_node" in recorder
    bonds = both()
    assert bonds.problems(LIMIT_S) == []
    bonds.heard("episode_node", "RUNNING", "", LIMIT_S)
    assert bonds.problems(LIMIT_S + 0.01) == [
        "recorder_node is silent for more than 1 s; does it still run, and has it the processor?"
    ]


def test_a_problem_counts_at_once_and_for_as_long_as_it_is_said() -> None:
    bonds = both()
    bonds.heard("recorder_node", "recording", "the disk is full", 0.1)
    assert bonds.problems(0.1) == ["recorder_node: the disk is full"]
    bonds.heard("recorder_node", "recording", "", 0.2)
    assert bonds.problems(0.2) == []


def test_the_policy_acts_only_while_an_episode_runs() -> None:
    bonds = both()
    assert not bonds.policy_may_act
    for state, may in (("PREPARING: waits", False), ("RUNNING", True), ("RUNNING: 3 s", True), ("STOPPING", False)):
        bonds.heard("episode_node", state, "", 0.0)
        assert bonds.policy_may_act is may
    assert Bonds(("recorder_node",)).policy_may_act, "without a bond to episodes it may"
    assert not Bonds(NODES).policy_may_act


def test_names_come_as_text() -> None:
    assert bonded_nodes("episode_node, recorder_node") == NODES
    assert bonded_nodes("") == ()


_HEARD = st.tuples(st.sampled_from((*NODES, "stranger")), st.sampled_from(("", "lost")), st.floats(0, 3))


@given(st.lists(_HEARD))
def test_motion_is_allowed_only_where_the_last_word_of_every_node_is_fresh_and_good(
    heard: list[tuple[str, str, float]],
) -> None:
    bonds, now_s, last = Bonds(NODES), 0.0, dict[str, tuple[str, float]]()
    for node, problem, after_s in heard:
        now_s += after_s
        bonds.heard(node, "RUNNING", problem, now_s)
        last[node] = (problem, now_s)
        good = {n for n in NODES if n in last and not last[n][0] and now_s - last[n][1] <= LIMIT_S}
        assert (bonds.problems(now_s) == []) == (good == set(NODES))
