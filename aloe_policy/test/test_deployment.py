"""Whatever is loaded, faulty or rolled back: who drives has passed the checks, and was not rejected."""

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aloe_policy.deployment import Deployed, Deployment, DeploymentError, TrialConfig

CONFIG = TrialConfig(trial_episodes=4, max_takeover_rate=0.5, max_refused_chunks=1)
NAMES = st.sampled_from("abcd")


def deployed(version: str) -> Any:
    return Deployed(f"folder of {version}", SimpleNamespace(version=version))  # type: ignore[arg-type]


def begun() -> Deployment:
    return Deployment(deployed("a"), CONFIG)


def run_episode(deployment: Deployment, taken: bool, counts: bool = True) -> None:
    deployment.begin_episode()
    if taken:
        deployment.take_over()
    deployment.end_episode(counts)


OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("load"), NAMES, st.booleans()),
        st.tuples(st.just("fault"), NAMES),
        st.tuples(st.just("refused"), NAMES, st.integers(1, 3)),
        st.tuples(st.just("roll_back")),
        st.tuples(st.just("episode"), st.booleans(), st.booleans()),
    ),
    max_size=60,
)


@given(OPERATIONS)
def test_whatever_happens_who_drives_passed_the_checks_and_was_not_rejected(operations: list[tuple[Any, ...]]) -> None:
    deployment, passed = begun(), {"a"}
    for name, *values in operations:
        before, rejected = deployment.active, deployment.rejected
        try:
            if name == "load":
                passed.add(values[0])
                deployment.load(deployed(values[0]), force=values[1])
                assert values[0] not in rejected or values[1], "a rejected version came back by itself"
                assert deployment.active.version == values[0] and not deployment.went_back
            elif name == "fault":
                deployment.fault(values[0], "nan")
            elif name == "refused":
                for _ in range(values[1]):
                    deployment.refused(values[0], "jump")
            elif name == "roll_back":
                deployment.roll_back("asked")
            else:
                run_episode(deployment, *values)
        except DeploymentError:
            assert deployment.active is before and deployment.rejected == rejected
        assert deployment.active.version in passed
        assert deployment.active.version not in deployment.rejected
        if deployment.active is not before and name != "load":
            assert deployment.went_back and before.version in deployment.rejected and not deployment.on_trial
        if deployment.fallback is not None:
            assert deployment.fallback.version != deployment.active.version
            assert deployment.fallback.version not in deployment.rejected
        assert deployment.fallback is not None or not deployment.on_trial, "a trial without a way back"


def test_a_policy_that_passes_its_trial_is_good_and_the_one_before_is_kept() -> None:
    deployment = begun()
    deployment.load(deployed("b"))
    for taken in (True, False, True):
        run_episode(deployment, taken)
    assert deployment.standing == "on trial: 3 of 4 episodes, 2 with a takeover"
    run_episode(deployment, taken=False)
    assert (deployment.active.version, deployment.standing) == ("b", "good")
    deployment.roll_back("asked")
    assert (deployment.active.version, deployment.note) == ("a", "rolled back from b: asked")


def test_too_many_takeovers_end_a_trial_as_soon_as_there_are_too_many() -> None:
    deployment = begun()
    deployment.load(deployed("b"))
    for _ in range(3):
        assert deployment.active.version == "b"
        run_episode(deployment, taken=True)
    assert deployment.active.version == "a"
    assert deployment.note == "rolled back from b: people took over in 3 of its 3 episodes on trial"


def test_aborted_episodes_and_those_that_another_policy_began_are_no_trial() -> None:
    deployment = begun()
    deployment.begin_episode()
    deployment.load(deployed("b"))
    deployment.take_over()
    deployment.end_episode(counts=True)
    run_episode(deployment, taken=True, counts=False)
    assert deployment.standing.startswith("on trial: 0 of 4")


def test_a_takeover_between_episodes_belongs_to_none() -> None:
    deployment = begun()
    deployment.load(deployed("b"))
    deployment.take_over()
    run_episode(deployment, taken=False)
    assert deployment.standing.endswith("1 of 4 episodes, 0 with a takeover")


def test_control_may_refuse_a_chunk_of_an_episode_but_no_more() -> None:
    deployment = begun()
    deployment.load(deployed("b"))
    for _ in range(3):
        deployment.begin_episode()
        deployment.refused("b", "it came late")
        for _ in range(5):
            deployment.refused("a", "from before")
    assert deployment.active.version == "b"
    deployment.refused("b", "its first step is 0.4 m away")
    assert deployment.active.version == "a"
    assert "control_node refused 2 of its chunks, the last one because its first step is 0.4 m" in deployment.note


def test_a_fault_of_a_policy_that_drives_no_more_changes_nothing() -> None:
    deployment = begun()
    deployment.load(deployed("b"))
    deployment.fault("a", "nan")
    assert deployment.active.version == "b"


def test_the_only_policy_goes_on_and_cannot_be_left() -> None:
    deployment = begun()
    deployment.fault("a", "nan")
    assert deployment.active.version == "a" and not deployment.went_back
    with pytest.raises(DeploymentError, match="no policy to go back to from a; load one"):
        deployment.roll_back("asked")


def test_what_was_rolled_back_comes_again_only_by_force_or_as_another_version() -> None:
    deployment = begun()
    deployment.load(deployed("b"))
    deployment.fault("b", "chunk is nan")
    with pytest.raises(DeploymentError, match=r"b was rolled back \(chunk is nan\); load another version, or insist"):
        deployment.load(deployed("b"))
    deployment.load(deployed("b"), force=True)
    assert (deployment.active.version, deployment.on_trial, deployment.rejected) == ("b", True, ())
    assert deployment.note == "loaded on request by force"


def test_another_candidate_on_trial_still_goes_back_to_the_good_one() -> None:
    deployment = begun()
    for version in "bc":
        deployment.load(deployed(version))
    deployment.roll_back("asked")
    assert deployment.active.version == "a"


def test_the_good_one_loaded_again_needs_no_trial() -> None:
    deployment = begun()
    for version in "ba":
        deployment.load(deployed(version))
    assert (deployment.active.version, deployment.standing, deployment.fallback) == ("a", "good", None)
