"""Records every episode into a bag of its own: raw messages of all topics that follow from the rig."""

import threading
import time
from dataclasses import replace
from typing import Any

from aloe_msgs.msg import EpisodeEvent
from aloe_msgs.srv import StartEpisode, StopEpisode
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.task import Future

from aloe_data.preroll import PreRoll
from aloe_data.recorder_config import RecorderConfig
from aloe_data.recorder_health import RecorderHealth, closing_verdict
from aloe_data.recording import RecordedTopic, RecordingError, recorded_topics
from aloe_data.rig_file import load_rig
from aloe_data.ros.camera_publishers import transport_problems
from aloe_data.ros.heartbeat import Heart
from aloe_data.ros.node_main import run_node
from aloe_data.ros.parameters import declare_parameters
from aloe_data.ros.raw_subscriptions import RawSubscriptions
from aloe_data.ros.recorder_status import closing_warnings, recorder_status
from aloe_data.ros.recording_folder import Recording, RecordingFolder
from aloe_data.ros.strangers import Strangers
from aloe_data.serialized import header_stamp_ns, leading_sequence
from aloe_data.session import open_session
from aloe_data.stream_counts import StreamCounts
from aloe_data.vocabulary import Verdict

_UPKEEP_PERIOD_S = 0.2
_SILENT_S = 1.0
_LAST_WORDS_S = 2.0  # on a signal: time for the episode to stop the recording itself, so that its verdict is in the bag


class RecorderNode(Node):
    """Subscribes for its whole life; what arrives is queued for the disk while a recording runs."""

    def __init__(self, **node_options: Any) -> None:
        super().__init__("recorder_node", **node_options)
        self._config = declare_parameters(self, RecorderConfig)
        rig = load_rig(self._config.rig)
        self._cameras = rig.cameras
        self._counter = StreamCounts()
        self._preroll = PreRoll(self._config.preroll_s, self._config.queue_mib << 19)  # half of the queue
        self._recording: Recording | None = None
        self._health = RecorderHealth()
        self._heart = Heart(self, open_session())
        self._latched: dict[str, bytes] = {}
        self._heard: dict[str, float] = {}  # when last, on the steady clock [s]
        self._next_upkeep = Future()
        self._close_lock = threading.Lock()
        self._closed = threading.Event()
        self._closed.set()
        self._use_sim_time = bool(self.get_parameter("use_sim_time").value)
        self._topics = {topic.name: topic for topic in recorded_topics(rig, self._use_sim_time)}
        self._folder = RecordingFolder(self, self._config, rig, self._topics.values())
        self._strangers = Strangers(self, self._topics.values())
        self._raw = RawSubscriptions(self, self._topics.values(), self._on_message, self._on_missing)
        self._verdict = self.create_publisher(EpisodeEvent, "/episode/verdict", 10)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        waiting = ReentrantCallbackGroup()  # the start waits until all streams were heard
        self.create_service(StartEpisode, "/recorder/start", self._on_start, callback_group=waiting)
        self.create_service(StopEpisode, "/recorder/stop", self._on_stop)
        # A steady clock: a simulation that stands still must not silence the diagnostics.
        self._upkeeps = 0
        self.create_timer(_UPKEEP_PERIOD_S, self._on_upkeep, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self.get_logger().info(f"ready to record {len(self._topics)} topics into {self._folder.path}")

    def finish(self) -> None:
        """Close a bag that is open, after giving the episode the time to end it itself."""
        if not self._closed.wait(_LAST_WORDS_S):
            self._close(Verdict.ABORT, "recorder_node was interrupted")

    def _on_message(self, topic: RecordedTopic, data: bytes, received_ns: int) -> None:
        self._heard[topic.name] = time.monotonic()
        if topic.latched:
            self._latched[topic.name] = data
        now_ns = self.get_clock().now().nanoseconds if self._use_sim_time else received_ns
        if self._recording is not None:
            self._record(self._recording, topic, data, now_ns)
        elif topic.continuous:
            self._preroll.push(topic, data, now_ns)

    def _record(self, recording: Recording, topic: RecordedTopic, data: bytes, now_ns: int) -> None:
        stamp_ns = header_stamp_ns(data) if topic.continuous else now_ns
        self._counter.received(topic.name, stamp_ns, leading_sequence(data) if topic.sequenced else None)
        if not recording.thread.push(topic.name, data, now_ns):
            self._counter.dropped(topic.name)

    def _on_missing(self, topic: RecordedTopic, number: int) -> None:
        if self._recording is not None and not topic.sequenced:  # there the gap in the sequence counts
            self._counter.missing(topic.name, number)

    async def _on_start(self, request: StartEpisode.Request, response: StartEpisode.Response) -> StartEpisode.Response:
        deadline_s = time.monotonic() + self._config.hearing_s
        while self._unheard() and time.monotonic() < deadline_s:
            await self._next_upkeep
        if self._unheard():
            why = "; ".join(transport_problems(self, self._cameras)) or "nothing heard of it yet"
            self.get_logger().warning(f"recording without {', '.join(self._unheard())}: {why}")
        try:
            recording = self._open(request)
        except (RecordingError, OSError, RuntimeError) as error:
            self.get_logger().error(str(error))
            response.success = False
            response.message = str(error)
            return response
        response.success = True
        response.episode_id = recording.record.episode_id
        response.bag = str(recording.folder)
        self.get_logger().info(f"recording {recording.folder}")
        return response

    def _unheard(self) -> list[str]:
        return [t.name for t in self._topics.values() if t.continuous and t.name not in self._heard]

    def _open(self, request: StartEpisode.Request) -> Recording:
        if self._recording is not None:
            raise RecordingError(
                f"already recording {self._recording.folder}; stop that first (service /recorder/stop)"
            )
        recording = self._folder.open(request, self._counter)
        self._strangers.look()
        self._strangers.begin()
        self._recording = recording
        self._health.begin()
        self._closed.clear()
        now_ns = self.get_clock().now().nanoseconds
        for row in self._preroll.take(now_ns):
            self._record(recording, *row)
        for name, data in self._latched.items():  # what was said before the episode and still holds
            self._record(recording, self._topics[name], data, now_ns)
        return recording

    def _on_stop(self, request: StopEpisode.Request, response: StopEpisode.Response) -> StopEpisode.Response:
        self._raw.take_waiting()  # what was published before the stop belongs into the bag
        problem = self._check_health()
        recording = self._close(*closing_verdict(request.verdict, request.reason, problem))
        if recording is None:
            response.success = False
            response.message = "not recording; start with the service /recorder/start"
            return response
        problem = problem or recording.thread.failure
        response.success = not problem
        response.message = problem
        # Where it is not episode_node that stops, whose episode has ended by now, motion must not go on unrecorded.
        self._abort(recording, "its recording was stopped (service /recorder/stop)")
        response.episode_id = recording.record.episode_id
        response.bag = str(recording.folder)
        response.messages_written = self._counter.total_written
        response.messages_lost = self._counter.total_lost
        return response

    def _close(self, verdict: Verdict, reason: str) -> Recording | None:
        """Close the bag, from the executor's thread or, on a signal, from the main thread; None where it is closed."""
        with self._close_lock:
            recording = self._recording
            self._recording = None
            if recording is None:
                return None
            recording.thread.drain()
            self._counter.settle()
            streams = {topic: count.figures() for topic, count in self._counter.heard().items()}
            self._strangers.look()
            found = {"lost": self._counter.losses(), "streams": streams, "strangers": self._strangers.names}
            record = replace(recording.record, verdict=verdict.name, reason=reason, **found)
            recording.thread.close(record)
            self._report_closed(recording)
            self._closed.set()
            return recording

    def _report_closed(self, recording: Recording) -> None:
        log = self.get_logger()
        losses = self._counter.losses()
        log.info(f"closed {recording.folder}: {self._counter.total_written} messages, {sum(losses.values())} lost")
        for line in closing_warnings(self._counter, self._is_published):
            log.warning(f"{recording.record.episode_id}: {line}")
        if recording.thread.failure and not recording.reported:
            log.error(recording.thread.failure)

    def _is_published(self, topic: str) -> bool:
        return self.count_publishers(self._topics[topic].source) > 0

    def _on_upkeep(self) -> None:
        waiting = self._next_upkeep
        self._next_upkeep = Future()
        waiting.set_result(None)
        self._raw.adapt()
        recording = self._recording
        self._report(self._check_health())
        # From this thread, which receives, about itself and the thread that writes: no third one that outlives them.
        self._heart.beat(f"recording {recording.folder}" if recording else "idle", self._health.problem)
        self._upkeeps += 1
        if self._upkeeps % round(1.0 / _UPKEEP_PERIOD_S) == 0:
            self._strangers.look()
            self._publish_diagnostics()

    def _check_health(self) -> str:
        """ "" or why the recording, and with it motion, must end."""
        recording = self._recording
        now_s = time.monotonic()
        if recording is None:
            self._health.idle(now_s)
            return ""
        counts = self._counter
        thread = recording.thread
        return self._health.look(now_s, counts.total_missing, counts.total_dropped, thread.progress_s, thread.failure)

    def _report(self, problem: str) -> None:
        """Tell the episode, once, of a problem with its recording."""
        recording = self._recording
        if recording is None or recording.reported or not problem:
            return
        recording.reported = True
        self.get_logger().error(problem)
        self._abort(recording, problem)

    def _abort(self, recording: Recording, reason: str) -> None:
        """Ask for the end of the episode that is, or was, recorded; one that has ended keeps its verdict."""
        event = EpisodeEvent(kind=EpisodeEvent.VERDICT, verdict=EpisodeEvent.ABORT, source="recorder_node")
        event.header.stamp = self.get_clock().now().to_msg()
        event.episode_id = recording.record.episode_id
        event.reason = reason
        self._verdict.publish(event)

    def _publish_diagnostics(self) -> None:
        recording = self._recording
        now_s = time.monotonic()
        activity = f"recording {recording.folder}" if recording else "idle"
        continuous = (topic.name for topic in self._topics.values() if topic.continuous)
        silent = [name for name in continuous if recording and now_s - self._heard.get(name, 0.0) > _SILENT_S]
        failure = recording.thread.failure if recording else ""
        status = recorder_status(activity, failure, silent, self._counter, self._strangers.names)
        message = DiagnosticArray(status=[status])
        message.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(message)


def main() -> None:
    """Run recorder_node."""
    run_node(RecorderNode, SingleThreadedExecutor)


if __name__ == "__main__":
    main()
