"""The thread that steps through episodes: it asks simulation, recorder and control, and says what happens."""

import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from rclpy.node import Node

from aloe_data.episode import Effect, Ending, EpisodeMachine, EpisodeRun, Phase
from aloe_data.episode_config import EpisodeConfig
from aloe_data.episode_ticket import Ticket
from aloe_data.episode_watch import EpisodeWatch
from aloe_data.rig import Rig
from aloe_data.ros.episode_bag import EpisodeBag
from aloe_data.ros.episode_publisher import NAME, EpisodePublisher
from aloe_data.ros.motion_enabling import MotionEnabling
from aloe_data.ros.scene_reset import SceneReset
from aloe_data.ros.service_calls import CallError, ServiceCalls
from aloe_data.session import Session
from aloe_data.stops import Stops
from aloe_data.vocabulary import Verdict

_WATCH_PERIOD_S = 0.1
_ARM_RETRY_S = 0.25


class EpisodeRunner:
    """Steps through the table of `aloe_data.episode` in a thread; others put wishes and endings into its inbox."""

    def __init__(self, node: Node, rig: Rig, config: EpisodeConfig, session: Session) -> None:
        self._node = node
        self._config = config
        self._machine = EpisodeMachine()
        self._calls = ServiceCalls(while_waiting=self._beat)
        self._inbox: queue.Queue[Ticket | Ending] = queue.Queue()
        self._quitting = False
        self._ticket: Ticket | None = None
        self._ticket_lock = threading.Lock()
        self._count = 0
        needs_ready = not rig.simulated  # control_node arms a real rig only after a person's word
        self._stops = Stops(tried_first=needs_ready)
        self._motion = MotionEnabling(
            node,
            session,
            self._calls,
            needs_ready=needs_ready,
            ready_hint=config.ready_hint,
            timeout_s=config.arm_timeout_s,
            service_timeout_s=config.service_timeout_s,
        )
        self._watch = EpisodeWatch(config.silence_s, config.record)
        self._publisher = EpisodePublisher(node, session)
        self._scene = SceneReset(node, self._calls, rig.simulation.reset_service, config.service_timeout_s)
        self._bag = EpisodeBag(node, self._calls, config.service_timeout_s)
        self._publish_state()
        self._thread = threading.Thread(target=self._work, name="episode", daemon=True)
        self._thread.start()

    @property
    def ticket(self) -> Ticket | None:
        """The episode that is under way."""
        return self._ticket

    @property
    def episode(self) -> EpisodeRun:
        """The episode that is under way, else the last one."""
        return self._machine.episode

    @property
    def armed_ns(self) -> int:
        """When motion was asked for in this episode [ns]; 0: not yet, or no longer."""
        return self._motion.asked_ns

    @property
    def enabled_ns(self) -> int:
        """When control_node had answered that motion is enabled [ns]; 0: not yet, or no longer."""
        return self._motion.enabled_ns

    @property
    def bag_folder(self) -> Path | None:
        """Where the last bag that was opened is; None before the first."""
        return self._bag.folder

    @property
    def stops(self) -> int:
        """Emergency stops and faults so far; an episode that was asked for before one begins no motion after it."""
        return self._stops.count

    @property
    def stop_reason(self) -> str:
        """What the last of them was, and what to do."""
        return self._stops.reason

    def control_heard(self, armed: bool, estop: bool, fault: str, number: int) -> None:
        """What control_node says, see `Stops.heard`; an emergency stop ends what is under way, wherever it is."""
        if self._stops.heard(armed, estop, fault, number):
            self.end(Ending(Verdict.ABORT, "control_node", fault or "emergency stop"))

    def submit(self, ticket: Ticket) -> bool:
        """Begin an episode; False while another one is under way."""
        with self._ticket_lock:
            if self._ticket is not None or self._quitting:
                return False
            ticket.stops = self._stops.count
            self._ticket = ticket
        self._inbox.put(ticket)
        return True

    def end(self, ending: Ending) -> None:
        """End the episode that is under way, if any."""
        self._inbox.put(ending)

    def node_heard(self, name: str) -> None:
        """A node is alive."""
        self._watch.heard(name, time.monotonic())

    def quit(self, timeout_s: float) -> None:
        """Abort what is under way without waiting long for anybody, and end the thread."""
        self._calls.hurry()
        self.end(Ending(Verdict.ABORT, NAME, "interrupted"))
        self._quitting = True
        self._thread.join(timeout_s)

    def _work(self) -> None:
        while not (self._quitting and self._machine.phase is Phase.IDLE):
            self._take(_WATCH_PERIOD_S)
            self._look()
            self._beat()

    def _take(self, wait_s: float) -> None:
        """Take what is in the inbox, waiting for the first."""
        try:
            item = self._inbox.get(timeout=wait_s) if wait_s else self._inbox.get_nowait()
            while True:
                self._perform(
                    self._machine.end(item) if isinstance(item, Ending) else self._machine.start(item.episode)
                )
                item = self._inbox.get_nowait()
        except queue.Empty:
            return

    def _perform(self, effects: tuple[Effect, ...]) -> None:
        do: dict[Effect, Callable[[], None]] = {
            Effect.PUBLISH_STATE: self._publish_state,
            Effect.EMIT_START: self._emit_start,
            Effect.EMIT_END: self._emit_end,
            Effect.FINISH: self._finish_ticket,
        }
        steps: dict[Effect, Callable[[], None]] = {
            Effect.RESET_SCENE: lambda: self._scene.reset(self._machine.episode),
            Effect.OPEN_BAG: self._open_bag,
            Effect.ARM: self._arm_control,
            Effect.DISARM: self._motion.disable,
            Effect.CLOSE_BAG: self._close_bag,
        }
        todo = deque(effects)
        while todo:
            effect = todo.popleft()
            if effect in do:
                do[effect]()
                continue
            todo.extend(self._step(steps[effect]))

    def _step(self, step: Callable[[], None]) -> tuple[Effect, ...]:
        try:
            step()
        except CallError as error:
            self._node.get_logger().error(str(error))
            return self._machine.failed(str(error))
        self._take(0)  # an end that was asked for meanwhile
        return self._machine.done()

    def _look(self) -> None:
        """End an episode that runs and must not go on."""
        if self._machine.phase is Phase.RUNNING:
            ending = self._watch.look(self._node.get_clock().now().nanoseconds, time.monotonic())
            if ending is not None:
                self._perform(self._machine.end(ending))

    def _open_bag(self) -> None:
        episode = self._machine.episode
        if self._config.record:
            self._bag.open(episode)
        else:
            episode.episode_id = episode.episode_id or f"ep_{self._count:04d}"
        self._count += 1

    def _arm_control(self) -> None:
        self._motion.enable(self._machine.episode.episode_id, self._why_not_to_move, self._pause)
        self._stops.moved()

    def _why_not_to_move(self) -> str:
        if self._stops.latched or (self._ticket and self._stops.count > self._ticket.stops):
            return self.stop_reason
        return ""

    def _pause(self) -> str:
        """Wait a moment between two tries to enable motion; returns why to give up, or ""."""
        self._take(_ARM_RETRY_S)
        self._beat()
        return "" if self._machine.episode.ending is None else "ended before motion was enabled"

    def _beat(self) -> None:
        """Say that this thread, which ends episodes in time, is at work."""
        self._publisher.beat(self._machine.phase, self._motion.waits_for)

    def _close_bag(self) -> None:
        if self._machine.episode.bag:
            self._publisher.wait_until_heard()  # the recorder has the last events before it is told to stop
            self._bag.close(self._machine.episode, self._ending())

    def _publish_state(self) -> None:
        self._beat()
        self._publisher.publish_state(self._machine.phase, self._machine.episode)
        if self._machine.phase is Phase.RUNNING and self._ticket is not None:
            self._ticket.running.set()

    def _emit_start(self) -> None:
        started_ns = self._publisher.start(self._machine.episode)
        self._machine.episode.started_ns = started_ns
        if self._ticket is not None:
            self._watch.begin(started_ns, time.monotonic(), self._ticket.timeout_s)

    def _emit_end(self) -> None:
        self._machine.episode.ended_ns = self._publisher.end(self._machine.episode, self._ending())

    def _ending(self) -> Ending:
        return self._machine.episode.ending or Ending(Verdict.ABORT, NAME, "no ending")

    def _finish_ticket(self) -> None:
        episode = self._machine.episode
        ending = self._ending()
        said = (
            f"{episode.episode_id or 'episode'}: {ending.verdict.name} after {episode.length_s:.1f} s {ending.reason}"
        )
        self._node.get_logger().info(said.rstrip())
        with self._ticket_lock:
            ticket = self._ticket
            self._ticket = None
        if ticket is not None:
            ticket.finished.set()
