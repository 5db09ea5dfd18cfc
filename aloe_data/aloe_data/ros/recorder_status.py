"""The recorder's words: on /diagnostics, once per second, and in the log about a bag that was closed."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from diagnostic_msgs.msg import DiagnosticStatus

from aloe_data.ros.convert import diagnostic_status
from aloe_data.stream_counts import StreamCounts


def recorder_status(
    activity: str,
    failure: str,
    silent: Collection[str],
    counts: StreamCounts,
    strangers: Mapping[str, Sequence[str]],
) -> DiagnosticStatus:
    """What is recorded, what goes wrong with it, and the figures of every topic.

    Args:
        activity: Words for what the recorder does.
        failure: "" or why the recording has ended early.
        silent: Topics that should speak all the time and do not.
        counts: Counts of the recording that is under way, else of the last one.
        strangers: Nodes by the topic of another one that they publish.
    """
    problems = [f"{topic} is silent" for topic in silent]
    problems += [f"{topic} lost {number}" for topic, number in counts.losses().items()]
    problems += [f"{topic} is published by {', '.join(names)} as well" for topic, names in strangers.items()]
    heard = counts.heard()
    slow = [topic for topic, count in heard.items() if count.slow and count.received > count.expected_hz]
    problems += [f"{topic} is slow ({heard[topic].rate_hz:.1f} Hz)" for topic in slow if topic not in silent]
    level = DiagnosticStatus.OK
    if failure:
        level = DiagnosticStatus.ERROR
    elif problems:
        level = DiagnosticStatus.WARN
    totals = {"messages_written": counts.total_written, "messages_lost": counts.total_lost}
    return diagnostic_status("recorder_node", failure or "; ".join([activity, *problems]), totals | heard, level)


def closing_warnings(counts: StreamCounts, is_published: Callable[[str], bool]) -> Iterator[str]:
    """What went wrong with the topics of a recording, a line each, with the remedy where there is one.

    Args:
        counts: Counts of the recording, which has ended.
        is_published: Whether a topic has a publisher now.
    """
    for topic, number in counts.losses().items():
        yield f"{topic} lost {number} messages ({counts.counts[topic].received} received)"
    for topic, count in counts.heard().items():
        if count.slow:
            yield f"{topic}: {count}; {_remedy(count.received, is_published(topic))}"


def _remedy(received: int, published: bool) -> str:
    if received:
        return "is its driver, or this machine, too slow?"
    if not published:
        return "nobody publishes it; start its driver or correct the topic in the rig file"
    return "it has a publisher, but nothing came; `ros2 topic info --verbose` tells of its QoS and type"
