from hypothesis import given
from hypothesis import strategies as st

from aloe_data.episode import TRANSITIONS, Effect, Ending, EpisodeMachine, EpisodeRun, Event, Phase
from aloe_data.vocabulary import Verdict

STEPS = {Effect.RESET_SCENE, Effect.OPEN_BAG, Effect.ARM, Effect.DISARM, Effect.CLOSE_BAG}
INPUTS = st.lists(st.sampled_from(["start", "done", "failed", "success", "abort"]), max_size=60)


def feed(machine: EpisodeMachine, name: str) -> tuple[Effect, ...]:
    if name == "start":
        return machine.start(EpisodeRun())
    if name == "done":
        return machine.done()
    if name == "failed":
        return machine.failed("broken")
    return machine.end(Ending(Verdict[name.upper()], "test"))


def drive(machine: EpisodeMachine, *names: str) -> list[Effect]:
    return [effect for name in names for effect in feed(machine, name)]


def test_a_whole_episode_does_everything_once_and_in_order() -> None:
    machine = EpisodeMachine()
    effects = drive(machine, "start", "done", "done", "done", "success", "done", "done")
    assert effects == [
        Effect.RESET_SCENE,
        Effect.OPEN_BAG,
        Effect.PUBLISH_STATE,
        Effect.ARM,
        Effect.EMIT_START,
        Effect.PUBLISH_STATE,
        Effect.EMIT_END,
        Effect.PUBLISH_STATE,
        Effect.DISARM,
        Effect.CLOSE_BAG,
        Effect.PUBLISH_STATE,
        Effect.FINISH,
    ]
    assert machine.episode.ending == Ending(Verdict.SUCCESS, "test")


@given(INPUTS)
def test_every_start_gets_exactly_one_stop_and_never_two_run(names: list[str]) -> None:
    machine = EpisodeMachine()
    running = False
    for name in names:
        for effect in feed(machine, name):
            if effect is Effect.EMIT_START:
                assert not running
                running = True
            if effect is Effect.EMIT_END:
                assert running
                running = False
        assert running == (machine.phase is Phase.RUNNING)


@given(INPUTS)
def test_a_bag_that_was_opened_is_closed_and_motion_that_was_asked_for_is_disabled(names: list[str]) -> None:
    machine = EpisodeMachine()
    effects = drive(machine, *names)
    effects += drive(machine, "abort", *["done"] * 6)
    assert machine.phase is Phase.IDLE
    assert effects.count(Effect.ARM) == effects.count(Effect.DISARM)
    assert effects.count(Effect.RESET_SCENE) == effects.count(Effect.FINISH)
    assert effects.count(Effect.ARM) <= effects.count(Effect.CLOSE_BAG) <= effects.count(Effect.OPEN_BAG)


@given(INPUTS)
def test_never_more_than_one_step_is_under_way(names: list[str]) -> None:
    machine = EpisodeMachine()
    for name in names:
        assert len(STEPS.intersection(feed(machine, name))) <= 1


@given(INPUTS)
def test_every_episode_that_ran_has_a_verdict_when_it_ends(names: list[str]) -> None:
    machine = EpisodeMachine()
    for name in names:
        if Effect.FINISH in feed(machine, name):
            assert machine.episode.ending is not None
            assert machine.episode.ending.verdict is not Verdict.NONE


def test_an_abort_while_the_scene_resets_waits_for_the_reset_and_opens_no_bag() -> None:
    machine = EpisodeMachine()
    assert drive(machine, "start", "abort") == [Effect.RESET_SCENE]
    assert drive(machine, "done") == [Effect.PUBLISH_STATE, Effect.FINISH]


def test_the_first_verdict_counts() -> None:
    machine = EpisodeMachine()
    drive(machine, "start", "done", "done", "done", "success", "abort")
    assert machine.episode.ending == Ending(Verdict.SUCCESS, "test")


def test_a_second_start_changes_nothing() -> None:
    machine = EpisodeMachine()
    machine.start(EpisodeRun(prompt="first"))
    assert machine.start(EpisodeRun(prompt="second")) == ()
    assert machine.episode.prompt == "first"


def test_every_phase_can_be_left() -> None:
    assert {phase for phase, _ in TRANSITIONS} == set(Phase)
    for phase in set(Phase) - {Phase.IDLE, Phase.RUNNING}:
        assert {(phase, Event.DONE), (phase, Event.FAILED)} <= set(TRANSITIONS)
