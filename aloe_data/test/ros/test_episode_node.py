"""episode_node as a process, with fake simulation, recorder and control over real DDS."""

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aloe_msgs.action import RunEpisodes
from aloe_msgs.msg import EpisodeEvent, EpisodeState, Heartbeat, Intervention
from aloe_msgs.srv import EnableMotion, ResetScene, StartEpisode, StopEpisode
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.action import ActionClient
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.task import Future

from aloe_data.ros.sealing import MessageSealer
from aloe_data.session import open_session
from aloe_data.verdicts import SIDECAR, verdict_of

DOMAIN = 63
MODULE = "aloe_data.ros.episode_node"
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
Until = Callable[..., bool]


class World:
    """The nodes around episode_node, and all that it says."""

    def __init__(self, peer: Any, until: Until) -> None:
        self.peer, self.until = peer, until
        self.calls: list[str] = []
        self.refusals: dict[str, str] = {}
        self.alive = {"recorder_node", "control_node: motion"}
        self.idle_before_arming = False
        self.stops = 0  # as control_node counts them: of two messages in a row only the last one may arrive
        self.may_open: Future | None = None
        self.lost_answer: Future | None = None  # of the next request to arm, which is heard and done
        self.while_closing: Callable[[], None] = lambda: None
        self.folder = Path("/bags")
        self.stop_requests: list[StopEpisode.Request] = []
        node = peer.node
        self.verdict = node.create_publisher(EpisodeEvent, "/episode/verdict", 10)
        self.intervention = node.create_publisher(Intervention, "/intervention", LATCHED)
        self.diagnostics = node.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self.events: list[EpisodeEvent] = peer.collect(EpisodeEvent, "/episode/events")
        self.states: list[EpisodeState] = peer.collect(EpisodeState, "/episode/state", LATCHED)
        self.services = {
            "reset": node.create_service(ResetScene, "/sim/reset", self._on_reset),
            "open": node.create_service(
                StartEpisode, "/recorder/start", self._on_open, callback_group=ReentrantCallbackGroup()
            ),
            "close": node.create_service(StopEpisode, "/recorder/stop", self._on_close),
            "arm": node.create_service(
                EnableMotion, "/control/arm", self._on_arm, callback_group=ReentrantCallbackGroup()
            ),
        }
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        node.create_timer(0.2, self._beat, clock=steady)

    def _beat(self) -> None:
        self.diagnostics.publish(DiagnosticArray(status=[DiagnosticStatus(name=name) for name in self.alive]))

    def _answer(self, name: str, response: Any) -> Any:
        self.calls.append(name)
        response.success, response.message = name not in self.refusals, self.refusals.get(name, "")
        return response

    def _on_reset(self, request: ResetScene.Request, response: ResetScene.Response) -> ResetScene.Response:
        response.prompt = request.prompt or f"task of seed {request.seed}"
        return self._answer("reset", response)

    async def _on_open(self, request: StartEpisode.Request, response: StartEpisode.Response) -> StartEpisode.Response:
        if self.may_open is not None:
            await self.may_open
        response.episode_id = f"ep_{self.calls.count('open'):04d}"
        response.bag = str(self.folder / response.episode_id)
        return self._answer("open", response)

    def _on_close(self, request: StopEpisode.Request, response: StopEpisode.Response) -> StopEpisode.Response:
        self.stop_requests.append(request)
        self.while_closing()
        response.messages_written, response.messages_lost = 100, 1
        return self._answer("close", response)

    async def _on_arm(self, request: EnableMotion.Request, response: EnableMotion.Response) -> EnableMotion.Response:
        if request.enable and self.idle_before_arming:
            idle = Intervention(armed=False)
            idle.header.stamp = self.peer.node.get_clock().now().to_msg()
            self.intervention.publish(idle)
        answer = self._answer("arm" if request.enable else "disarm", response)
        lost = self.lost_answer
        self.lost_answer = None
        if lost is not None:
            await lost
        return answer

    def said(self) -> list[tuple[int, int]]:
        return [(event.kind, event.verdict) for event in self.events]

    def wait_running(self) -> None:
        assert self.until(lambda: self.states and self.states[-1].state == EpisodeState.RUNNING)

    def give(self, verdict: int, reason: str = "", source: str = "sim", episode_id: str = "") -> None:
        event = EpisodeEvent(kind=EpisodeEvent.VERDICT, verdict=verdict, source=source, reason=reason)
        event.episode_id = episode_id
        self.verdict.publish(event)


class Run:
    """A goal of /episode/run: its feedback and its result."""

    def __init__(self, peer: Any, until: Until, **goal: object) -> None:
        self.until = until
        self._sealer = MessageSealer(open_session(), "test")
        self.feedback: list[RunEpisodes.Feedback] = []
        self.client = ActionClient(peer.node, RunEpisodes, "/episode/run")
        assert self.client.wait_for_server(15.0)
        assert any(self._is_heard() for _ in range(5))
        sent = self.client.send_goal_async(self._sealed(**goal), lambda m: self.feedback.append(m.feedback))
        assert until(sent.done)
        self.handle = sent.result()
        self._result = self.handle.get_result_async() if self.handle.accepted else None

    def _sealed(self, **goal: object) -> RunEpisodes.Goal:
        return self._sealer.seal("/episode/run", RunEpisodes.Goal(**goal))

    def _is_heard(self) -> bool:
        """Whether a goal of no episodes is refused; an answer is lost where the server has not found us yet."""
        return self.until(self.client.send_goal_async(self._sealed()).done, 3.0)

    def result(self) -> RunEpisodes.Result:
        assert self.until(self._result.done, 30.0)
        return self._result.result().result


@pytest.fixture
def world(peer: Any, until: Until) -> Iterator[World]:
    yield World(peer, until)


ENDED = {
    EpisodeEvent.SUCCESS: [(EpisodeEvent.START, 0), (EpisodeEvent.VERDICT, 1), (EpisodeEvent.STOP, 1)],
    EpisodeEvent.FAILURE: [(EpisodeEvent.START, 0), (EpisodeEvent.VERDICT, 2), (EpisodeEvent.STOP, 2)],
    EpisodeEvent.ABORT: [(EpisodeEvent.START, 0), (EpisodeEvent.VERDICT, 3), (EpisodeEvent.STOP, 3)],
    EpisodeEvent.TIMEOUT: [(EpisodeEvent.START, 0), (EpisodeEvent.VERDICT, 4), (EpisodeEvent.STOP, 4)],
}


def test_a_run_does_its_episodes_in_order_and_reports_each(
    peer: Any, until: Until, world: World, rig_file: Any
) -> None:
    peer.start(MODULE, rig=rig_file)
    run = Run(peer, until, episodes=3, seed=5, timeout_s=30.0)
    for index, verdict in enumerate((EpisodeEvent.SUCCESS, EpisodeEvent.FAILURE)):
        assert until(lambda: world.calls.count("arm") == index + 1)  # noqa: B023
        world.wait_running()
        world.give(verdict, "seen")
        world.give(EpisodeEvent.SUCCESS, "a second word counts for nothing")
        assert until(lambda: len(run.feedback) == index + 1)  # noqa: B023
    world.wait_running()
    stopped = peer.call(StopEpisode, "/episode/stop", verdict=EpisodeEvent.TIMEOUT, reason="enough")
    assert (stopped.success, stopped.bag, stopped.messages_lost) == (True, "/bags/ep_0002", 1)
    result = run.result()
    assert (result.successes, result.episodes, result.message) == (1, 3, "")
    assert list(result.bags) == ["/bags/ep_0000", "/bags/ep_0001", "/bags/ep_0002"]
    assert [f.verdict for f in run.feedback] == [1, 2, 4]
    assert all(f.length_s > 0 and f.messages_lost == 1 for f in run.feedback)
    assert world.said() == [*ENDED[1], *ENDED[2], *ENDED[4]]
    assert world.calls == ["reset", "open", "arm", "disarm", "close"] * 3
    assert [(r.verdict, r.reason) for r in world.stop_requests] == [(1, "seen"), (2, "seen"), (4, "enough")]
    assert [s.state for s in world.states if s.episode_id == "ep_0001" and s.seed == 6] == [1, 2, 3, 0]
    assert {s.prompt for s in world.states if s.seed == 6 and s.state} == {"task of seed 6"}


def test_every_source_of_a_verdict_is_named_in_the_record_and_a_person_s_abort_ends_one_episode_only(
    peer: Any, until: Until, world: World, rig_file: Any
) -> None:
    peer.start(MODULE, rig=rig_file, timeout_s=30.0)
    sources = {"pedal": EpisodeEvent.ABORT, "keyboard": EpisodeEvent.ABORT, "eva": 1, "sim": EpisodeEvent.FAILURE}
    run = Run(peer, until, episodes=len(sources))
    for index, (source, verdict) in enumerate(sources.items()):
        assert until(lambda: len(world.said()) == 3 * index + 1)  # noqa: B023
        world.wait_running()
        world.give(verdict, "seen", source)
    assert run.result().message == ""
    assert [e.source for e in world.events if e.kind == EpisodeEvent.STOP] == list(sources)
    assert [f.verdict for f in run.feedback] == list(sources.values())


def test_a_verdict_on_an_ended_episode_is_kept_beside_its_bag_and_one_on_an_unknown_episode_changes_nothing(
    peer: Any, until: Until, world: World, rig_file: Any, tmp_path: Path
) -> None:
    world.folder = tmp_path
    (tmp_path / "ep_0000").mkdir()
    (tmp_path / "ep_0000" / "ep_0000_0.mcap").touch()
    process = peer.start(MODULE, rig=rig_file)
    run = Run(peer, until, episodes=1)
    world.wait_running()
    world.give(EpisodeEvent.SUCCESS, "early", "eva", "ep_0007")
    world.give(EpisodeEvent.FAILURE, "seen", "pedal", "ep_0000")
    assert run.result().episodes == 1
    world.give(EpisodeEvent.ABORT, "too late", "recorder_node", "ep_0000")
    world.give(EpisodeEvent.SUCCESS, "of nothing", "pedal")
    world.give(EpisodeEvent.SUCCESS, "looked again", "eva", "ep_0000")
    assert until((tmp_path / SIDECAR).exists)
    assert until(lambda: verdict_of(tmp_path / "ep_0000"))
    given = verdict_of(tmp_path / "ep_0000")
    assert (given.verdict, given.source, given.reason) == ("success", "eva", "looked again")
    assert len((tmp_path / SIDECAR).read_text().splitlines()) == 1
    assert world.said() == ENDED[EpisodeEvent.FAILURE]
    process.send_signal(signal.SIGINT)
    output = process.communicate(timeout=10)[0]
    assert "SUCCESS from 'eva': unknown episode 'ep_0007'" in output
    assert "SUCCESS from 'pedal' changes nothing: no episode is under way" in output


def test_an_episode_without_verdict_times_out(peer: Any, until: Until, world: World, rig_file: Any) -> None:
    peer.start(MODULE, rig=rig_file, timeout_s=0.5)
    result = Run(peer, until, episodes=1).result()
    assert (result.successes, result.episodes, result.message) == (0, 1, "")
    assert world.said() == ENDED[EpisodeEvent.TIMEOUT]
    assert "0.5 s" in world.events[-1].reason


def test_a_fault_of_control_aborts_the_run_with_its_reason(
    peer: Any, until: Until, world: World, rig_file: Any
) -> None:
    world.intervention.publish(Intervention(fault="of long ago"))
    peer.start(MODULE, rig=rig_file)
    run = Run(peer, until, episodes=5)
    world.wait_running()
    fault = Intervention(fault="policy_node is silent for 1 s; restart it")
    fault.header.stamp = peer.node.get_clock().now().to_msg()
    world.intervention.publish(fault)
    result = run.result()
    assert result.message == f"episode 0 of 5: {fault.fault}"
    assert world.said() == ENDED[EpisodeEvent.ABORT]
    assert world.calls[-2:] == ["disarm", "close"]


def test_a_fault_between_two_episodes_is_not_cleared_by_arming_for_the_next(
    peer: Any, until: Until, world: World, rig_file: Any
) -> None:
    world.intervention.publish(Intervention())

    def fail() -> None:
        fault = Intervention(fault="camera 'head' is silent")
        fault.header.stamp = peer.node.get_clock().now().to_msg()
        world.intervention.publish(fault)

    world.while_closing = fail
    peer.start(MODULE, rig=rig_file, timeout_s=0.5)
    result = Run(peer, until, episodes=3).result()
    assert (result.episodes, world.calls.count("arm")) == (1, 1)
    assert result.message == "episode 1 of 3: camera 'head' is silent; start anew"


def estop(world: World, pressed: bool) -> None:
    world.stops += pressed
    message = Intervention(estop=pressed, stops=world.stops)
    message.header.stamp = world.peer.node.get_clock().now().to_msg()
    world.intervention.publish(message)


def test_after_an_emergency_stop_before_motion_its_reset_enables_none(
    peer: Any, until: Until, world: World, rig_file: Any
) -> None:
    world.refusals["arm"] = "emergency stop; reset it"
    peer.start(MODULE, rig=rig_file, timeout_s=0.5)
    run = Run(peer, until, episodes=3)
    assert until(lambda: "arm" in world.calls)
    estop(world, True)
    assert "emergency stop" in run.result().message
    assert world.calls[-2:] == ["disarm", "close"] and world.events == []
    asked = world.calls.count("arm")
    estop(world, False)
    del world.refusals["arm"]
    assert Run(peer, until, episodes=1).result().message == "", "asked for anew it moves again"
    assert world.calls.count("arm") == asked + 1


def test_an_emergency_stop_between_two_episodes_ends_the_run(
    peer: Any, until: Until, world: World, rig_file: Any
) -> None:
    world.while_closing = lambda: estop(world, True)
    peer.start(MODULE, rig=rig_file, timeout_s=0.3)
    result = Run(peer, until, episodes=3).result()
    assert "emergency stop" in result.message
    assert world.calls.count("arm") == 1


def test_an_episode_that_is_stopped_before_it_runs_moves_nothing_whatever_the_verdict(
    peer: Any, until: Until, world: World, rig_file: Any
) -> None:
    world.refusals["arm"] = "camera head has never published"
    peer.start(MODULE, rig=rig_file)
    run = Run(peer, until, episodes=1)
    assert until(lambda: "arm" in world.calls)
    assert peer.call(StopEpisode, "/episode/stop", verdict=EpisodeEvent.FAILURE, reason="no").success
    assert run.result().episodes == 0 and world.calls[-2:] == ["disarm", "close"] and world.events == []


def test_a_tick_between_the_request_to_arm_and_its_answer_is_no_end_of_motion(
    peer: Any, until: Until, world: World, rig_file: Any
) -> None:
    world.idle_before_arming = True
    peer.start(MODULE, rig=rig_file, timeout_s=0.5)
    assert Run(peer, until, episodes=1).result().message == ""
    assert world.said() == ENDED[EpisodeEvent.TIMEOUT]


def test_a_recorder_that_fails_or_falls_silent_aborts_the_episode(
    peer: Any, until: Until, world: World, rig_file: Any
) -> None:
    peer.start(MODULE, rig=rig_file, silence_s=1.0)
    run = Run(peer, until, episodes=1)
    world.wait_running()
    world.give(EpisodeEvent.ABORT, "disk of /bags is full", "recorder_node")
    assert "disk of /bags is full" in run.result().message
    run = Run(peer, until, episodes=1)
    assert until(lambda: world.calls.count("arm") == 2)
    world.alive.remove("recorder_node")
    assert "recorder_node silent for 1 s; is it running?" in run.result().message


def test_a_control_node_that_dies_aborts_the_episode_instead_of_letting_it_time_out(
    peer: Any, until: Until, world: World, rig_file: Any
) -> None:
    peer.start(MODULE, rig=rig_file, silence_s=1.0)
    run = Run(peer, until, episodes=2)
    world.wait_running()
    world.alive.remove("control_node: motion")
    result = run.result()
    assert "control_node silent for 1 s; is it running?" in result.message
    assert result.episodes == 0 and world.said() == ENDED[EpisodeEvent.ABORT]


def test_a_recorder_that_is_late_with_its_bag_is_told_to_close_it(
    peer: Any, until: Until, world: World, rig_file: Any
) -> None:
    world.may_open = Future()
    process = peer.start(MODULE, rig=rig_file, service_timeout_s=4.0)
    run = Run(peer, until, episodes=1, timeout_s=30.0)
    assert "/recorder/start did not answer within 4 s" in run.result().message, process.log()
    assert [(request.verdict, "did not answer" in request.reason) for request in world.stop_requests] == [
        (EpisodeEvent.ABORT, True)
    ]
    world.may_open.set_result(None)
    assert "arm" not in world.calls


def test_the_episode_begins_soon_where_the_answer_to_arming_was_lost(
    peer: Any, until: Until, world: World, rig_file: Any
) -> None:
    world.lost_answer = Future()
    peer.start(MODULE, rig=rig_file, timeout_s=0.5)
    run = Run(peer, until, episodes=1)
    assert until(lambda: "arm" in world.calls)
    armed_s = time.monotonic()
    world.wait_running()
    assert time.monotonic() - armed_s < 5.0, "meanwhile the arms follow the policy, and no episode says so"
    assert world.calls.count("arm") == 2
    assert run.result().episodes == 1


def test_a_missing_node_is_named_and_nothing_hangs(peer: Any, until: Until, world: World, rig_file: Any) -> None:
    peer.node.destroy_service(world.services.pop("open"))
    peer.start(MODULE, rig=rig_file, service_timeout_s=0.7, arm_timeout_s=0.5)
    message = Run(peer, until, episodes=1).result().message
    assert "no service /recorder/start within 0.7 s; is recorder_node running?" in message
    assert world.events == []
    started = peer.call(StartEpisode, "/episode/start")
    assert not started.success
    assert "recorder_node" in started.message


def test_the_last_refusal_to_arm_is_the_reason_and_the_bag_is_closed(
    peer: Any, until: Until, world: World, rig_file: Any
) -> None:
    world.refusals["arm"] = "camera head has never published; start its driver"
    peer.start(MODULE, rig=rig_file, arm_timeout_s=1.0)
    result = Run(peer, until, episodes=2).result()
    assert "camera head has never published; start its driver" in result.message
    assert world.calls.count("arm") >= 3
    assert world.calls[-2:] == ["disarm", "close"]
    assert world.events == []


def test_a_second_wish_while_one_is_under_way_is_refused(peer: Any, until: Until, world: World, rig_file: Any) -> None:
    peer.start(MODULE, rig=rig_file, record=False)
    first = peer.call(StartEpisode, "/episode/start", prompt="fold")
    assert (first.success, first.episode_id, first.bag) == (True, "ep_0000", "")
    second = peer.call(StartEpisode, "/episode/start")
    assert not second.success
    assert "ep_0000 is under way" in second.message
    assert not Run(peer, until, episodes=1).handle.accepted
    assert peer.call(StopEpisode, "/episode/stop", verdict=EpisodeEvent.SUCCESS).success
    assert not peer.call(StopEpisode, "/episode/stop").success
    assert world.calls == ["reset", "arm", "disarm"]


def test_a_cancelled_run_ends_its_episode(peer: Any, until: Until, world: World, rig_file: Any) -> None:
    peer.start(MODULE, rig=rig_file)
    run = Run(peer, until, episodes=4)
    world.wait_running()
    run.handle.cancel_goal_async()
    assert "cancelled" in run.result().message
    assert world.said() == ENDED[EpisodeEvent.ABORT]


def test_a_run_that_is_cancelled_between_two_episodes_begins_no_other(
    peer: Any, until: Until, world: World, rig_file: Any
) -> None:
    peer.start(MODULE, rig=rig_file, timeout_s=0.3)
    run = Run(peer, until, episodes=4)
    cancelled = []
    world.while_closing = lambda: cancelled.append(run.handle.cancel_goal_async())
    assert "cancelled after 1 of 4 episodes" in run.result().message
    assert until(cancelled[0].done)
    assert world.calls.count("arm") == 1


def test_a_verdict_on_the_episode_before_counts_while_the_next_is_prepared(
    peer: Any, until: Until, world: World, rig_file: Any, tmp_path: Path
) -> None:
    world.folder = tmp_path
    (tmp_path / "ep_0000").mkdir()
    (tmp_path / "ep_0000" / "ep_0000_0.mcap").touch()
    peer.start(MODULE, rig=rig_file)
    run = Run(peer, until, episodes=1)
    world.wait_running()
    world.give(EpisodeEvent.SUCCESS)
    assert run.result().episodes == 1
    world.may_open = Future()  # the next one's bag is not open yet
    Run(peer, until, episodes=1)
    assert until(lambda: world.calls.count("reset") == 2)
    world.give(EpisodeEvent.FAILURE, "looked again", "eva", "ep_0000")
    assert until(lambda: verdict_of(tmp_path / "ep_0000"))
    world.may_open.set_result(None)


def test_an_interrupt_disarms_says_so_and_closes_the_bag(peer: Any, until: Until, world: World, rig_file: Any) -> None:
    process = peer.start(MODULE, rig=rig_file)
    Run(peer, until, episodes=1)
    world.wait_running()
    process.send_signal(signal.SIGINT)
    assert process.wait(5) == 0
    assert until(lambda: len(world.events) == 3)
    assert world.said() == ENDED[EpisodeEvent.ABORT]
    assert world.events[-1].reason == "interrupted"
    assert world.calls[-2:] == ["disarm", "close"]


@pytest.fixture
def real_rig(rig_file: Path, tmp_path: Path) -> Path:
    """A rig that is not simulated."""
    text = rig_file.read_text().replace("simulated: true", "simulated: false")
    file = tmp_path / "rig_real.yaml"
    file.write_text(text[: text.index("\nsimulation:")])
    (tmp_path / "sim_arm.urdf").write_text((rig_file.parent / "sim_arm.urdf").read_text())
    return file


def test_on_a_real_rig_every_episode_waits_for_a_person_and_a_stop_before_the_first_motion_is_a_try(
    peer: Any, until: Until, world: World, real_rig: Path
) -> None:
    heartbeats = peer.collect(Heartbeat, "/heartbeat")
    world.refusals["arm"] = "not armed: nobody said ready"
    peer.start(MODULE, rig=real_rig, ready_hint="press KEY_A on pad", timeout_s=30.0)
    run = Run(peer, until, episodes=3, prompt="sort")
    waits = "PREPARING: waits for a person's ready: press KEY_A on pad; not armed: nobody said ready"
    assert until(lambda: heartbeats and heartbeats[-1].state == waits)
    assert world.calls[:2] == ["open", "disarm"], "a ready of before is void"
    estop(world, True)
    estop(world, False)
    del world.refusals["arm"]
    world.wait_running()
    assert until(lambda: heartbeats[-1].state == "RUNNING")
    world.refusals["arm"] = "not armed: nobody said ready"
    world.give(EpisodeEvent.SUCCESS, "seen")
    assert until(lambda: heartbeats[-1].state == waits), "again before the next"
    assert until(lambda: world.calls[-2:] == ["arm", "arm"]), "it asks again and again"
    assert until(lambda: run.feedback)
    assert run.feedback[0].verdict == EpisodeEvent.SUCCESS
    estop(world, True)
    estop(world, False)
    assert "emergency stop" in run.result().message, "once it has moved no stop is a try"


def test_an_episode_whose_bag_is_not_whole_is_an_abort_also_for_who_reads_the_bag(
    peer: Any, until: Until, world: World, rig_file: Path, tmp_path: Path
) -> None:
    world.folder = tmp_path
    (tmp_path / "ep_0000").mkdir()
    (tmp_path / "ep_0000" / "ep_0000_0.mcap").touch()
    world.refusals["close"] = "stood still for 1.9 s and lost 1962 messages"
    peer.start(MODULE, rig=rig_file)
    run = Run(peer, until, episodes=2)
    world.wait_running()
    world.give(EpisodeEvent.SUCCESS, "seen")
    assert "lost 1962 messages (the verdict was SUCCESS by sim)" in run.result().message
    assert [feedback.verdict for feedback in run.feedback] == [EpisodeEvent.ABORT]
    given = verdict_of(tmp_path / "ep_0000")
    assert given and (given.verdict, given.source) == ("abort", "recorder_node")


def test_a_real_rig_without_prompt_is_refused(peer: Any, until: Until, world: World, real_rig: Path) -> None:
    peer.start(MODULE, rig=real_rig)
    started = peer.call(StartEpisode, "/episode/start")
    assert "a real rig has no default task" in started.message
    assert peer.call(StartEpisode, "/episode/start", prompt="sort").success
    assert "reset" not in world.calls
