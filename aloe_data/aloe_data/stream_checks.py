"""Before motion: from what was measured of a rig's streams to what is wrong with them."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby, product

import numpy as np

from aloe_data.camera_transport import Publisher, WrongTransport, wrong_transport
from aloe_data.finding import Finding, Level, fail, ok, warn
from aloe_data.recording import RecordedTopic
from aloe_data.rig_streams import Endpoint, Measured, Stream
from aloe_data.vocabulary import NS

_SLOW = 0.8  # of the rate that the rig file promises
_FAST = 1.2
_OTHER_CLOCK_S = 3600.0
_FUTURE_S = 0.01  # clocks that differ by more are not synchronised
_REPEATED = 0.1  # share of images that show the same as the one before


def check_topics(streams: Sequence[Stream], measured: Mapping[str, Measured], simulated: bool) -> list[Finding]:
    """Every stream has one publisher, of the type that the rig file says."""
    found = []
    wrong = {stream.name: _wrong_transport(stream, measured) for stream in streams}
    silent = [f"{s.name} ({s.topic})" for s in streams if not measured[s.topic].publishers and not wrong[s.name]]
    if silent:
        remedy = "start their drivers, or correct the topics in the rig file"
        remedy = "ros2 launch aloe_bringup rollout.launch.py starts the simulator" if simulated else remedy
        found.append(fail("topics", f"nobody publishes {', '.join(silent)}", remedy))
    for stream in streams:
        publishers = measured[stream.topic].publishers
        if len(publishers) > 1 and not stream.shares_topic:
            names = ", ".join(sorted(publisher.node for publisher in publishers))
            stop = "stop all but one (is a bag being played?)"
            found.append(fail("topics", f"{stream.name}: {names} publish {stream.topic}", stop))
        transport = wrong[stream.name]
        if transport is not None:
            found.append(fail("topics", transport.what, transport.remedy))
        for publisher in publishers:
            if publisher.type != stream.type and transport is None:
                what = f"{stream.name}: {stream.topic} of {publisher.node} is {publisher.type}, not {stream.type}"
                found.append(fail("topics", what, "correct the topic in the rig file, or the driver"))
    return found or [ok("topics", f"{len(streams)} streams have one publisher each")]


def _wrong_transport(stream: Stream, measured: Mapping[str, Measured]) -> WrongTransport | None:
    if stream.camera is None:
        return None

    def publishers_of(topic: str) -> list[Publisher]:
        endpoints = measured.get(topic, Measured()).publishers
        return [Publisher(endpoint.node, endpoint.type) for endpoint in endpoints]

    return wrong_transport(stream.camera, publishers_of)


def check_qos(topics: Iterable[RecordedTopic], measured: Mapping[str, Measured]) -> list[Finding]:
    """What publishers offer is what subscriptions ask for: those that the suite makes, and others that are there.

    Sensors and teleop commands are subscribed to as best effort, the rest reliably, and latched where the topic is.
    """
    found = []
    number = 0
    for topic in topics:
        lenient = topic.continuous or topic.name.startswith("/teleop/")
        ours = Endpoint("this suite", topic.type, reliable=not lenient, latched=topic.latched)
        there = measured[topic.source]
        if there.publishers:
            number += 1
        for publisher, asks in product(there.publishers, (ours, *there.subscriptions)):
            pairs = {"reliable": (asks.reliable, publisher.reliable), "latched": (asks.latched, publisher.latched)}
            lack = " and ".join(name for name, (asked, offered) in pairs.items() if asked and not offered)
            if lack:
                wish = f"{topic.source}: {asks.node} asks for {lack}"
                what = f"{wish}, {publisher.node} does not offer it: nothing arrives"
                level = Level.FAIL if asks is ours else Level.WARN
                found.append(Finding(level, "qos", what, f"publish it {lack} (latched: durability transient local)"))
    if number and not found:
        found.append(ok("qos", f"{number} topics with publishers, all as their subscriptions ask for"))
    return found


def check_rates(streams: Sequence[Stream], measured: Mapping[str, Measured]) -> list[Finding]:
    """Streams come at the rig's rate, without pauses at which the arms would hold."""
    found = []
    slowest = []
    for stream in _spoken(streams, measured):
        heard = measured[stream.key]
        if not heard.arrivals_ns:
            remedy = "does its driver work, does the network let it through? ros2 topic info --verbose tells more"
            nothing = f"{stream.name}: has a publisher, but nothing came in {heard.seconds:.1f} s"
            found.append(fail("rate", nothing, remedy))
            continue
        pause_s = float(np.diff([*heard.arrivals_ns, heard.ended_ns]).max()) / NS
        rate = f"{stream.name}: {heard.rate_hz:.1f} Hz of {stream.rate_hz:g}, largest gap {pause_s:.3f} s"
        slowest.append(heard.rate_hz / stream.rate_hz)
        if pause_s > stream.max_age_s:
            remedy = f"arms hold after max_age_s {stream.max_age_s:g} s: see its driver, and what else is running"
            found.append(fail("rate", rate, remedy))
        elif heard.rate_hz < _SLOW * stream.rate_hz:
            best_effort = not all(publisher.reliable for publisher in heard.publishers)
            lossy = "; best effort loses large messages: publish it compressed or reliable" if best_effort else ""
            found.append(warn("rate", rate, f"is its driver, or this machine, too slow?{lossy}"))
        elif heard.rate_hz > _FAST * stream.rate_hz:
            found.append(warn("rate", rate, "correct rate_hz in the rig file, or the driver"))
    if slowest and not found:
        found.append(ok("rate", f"{len(slowest)} streams, the slowest at {100 * min(slowest):.0f} % of its rate"))
    return found


def check_clocks(streams: Sequence[Stream], measured: Mapping[str, Measured]) -> list[Finding]:
    """Stamps are those of this machine's clock, and never go back."""
    found = []
    ages_ms = []
    synchronise = "synchronise the machines (chrony), and give all nodes the same use_sim_time"
    for stream in _spoken(streams, measured):
        heard = measured[stream.key]
        if not heard.stamps_ns:
            continue
        age_s = float(np.median(np.subtract(heard.arrivals_ns, heard.stamps_ns))) / NS
        ages_ms.append(1e3 * age_s)
        stamps = f"{stream.name}: stamps are {abs(age_s):.3f} s {'old' if age_s >= 0 else 'in the future'}"
        back = int((np.diff(heard.stamps_ns) <= 0).sum())
        if not all(heard.stamps_ns):
            found.append(fail("clock", f"{stream.name}: stamps are zero", "let its driver stamp when it measures"))
        elif abs(age_s) > min(stream.max_age_s, _OTHER_CLOCK_S):
            remedy = f"older than max_age_s {stream.max_age_s:g} s is refused: see what delays it, or {synchronise}"
            found.append(fail("clock", stamps, remedy if 0 < age_s < _OTHER_CLOCK_S else synchronise))
        elif age_s < -_FUTURE_S:
            found.append(warn("clock", stamps, synchronise))
        elif age_s > stream.max_age_s / 2:
            found.append(warn("clock", stamps, f"near its max_age_s of {stream.max_age_s:g} s; see what delays it"))
        if back and all(heard.stamps_ns):
            what = f"{stream.name}: {back} of {len(heard.stamps_ns)} stamps are not newer than the one before"
            found.append(warn("clock", what, "these messages are passed over; stamp every one when it is measured"))
    if ages_ms and not found:
        found.append(ok("clock", f"stamps are {min(ages_ms):.0f} to {max(ages_ms):.0f} ms old when they arrive"))
    return found


def check_images(streams: Sequence[Stream], measured: Mapping[str, Measured]) -> list[Finding]:
    """Cameras show what is new."""
    cameras = [s for s in _spoken(streams, measured) if s.camera and len(measured[s.key].contents) > 1]
    found = []
    for camera in cameras:
        heard = measured[camera.key]
        runs = [sum(1 for _ in run) for _, run in groupby(heard.contents)]
        frozen_s = (max(runs) - 1) / heard.rate_hz
        repeated = 1 - len(runs) / len(heard.contents)
        if frozen_s > camera.max_age_s:
            what = f"{camera.name}: shows the same image for {frozen_s:.1f} s"
            found.append(fail("images", what, "it is frozen: restart its driver, see its cable"))
        elif repeated > _REPEATED:
            what = f"{camera.name}: {100 * repeated:.0f} % of its images are those before once more"
            found.append(warn("images", what, "let its driver publish every image once"))
    if cameras and not found:
        found.append(ok("images", f"{len(cameras)} cameras show something new with every image"))
    return found


def check_contents(streams: Sequence[Stream], measured: Mapping[str, Measured]) -> list[Finding]:
    """What streams say is what the rig file describes: image sizes, joint names, finite positions."""
    spoken = [stream for stream in streams if measured[stream.key].arrivals_ns or measured[stream.key].fault]
    faults = [Finding(Level.FAIL, "contents", measured[s.key].fault) for s in spoken if measured[s.key].fault]
    if faults or not spoken:
        return faults
    return [ok("contents", f"{len(spoken)} streams: image sizes and joint names are those of the rig file")]


def _spoken(streams: Iterable[Stream], measured: Mapping[str, Measured]) -> list[Stream]:
    """Those with a promised rate and somebody who may keep it; of the others `check_topics` tells."""
    return [stream for stream in streams if stream.rate_hz and measured[stream.key].publishers]
