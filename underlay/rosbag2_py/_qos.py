"""Quality-of-service profiles as rosbag2 stores them: YAML with the policies' names."""

from __future__ import annotations

from enum import IntEnum
from functools import cache
from typing import Any

import yaml


class rmw_qos_history_policy_t(IntEnum):
    RMW_QOS_POLICY_HISTORY_SYSTEM_DEFAULT = 0
    RMW_QOS_POLICY_HISTORY_KEEP_LAST = 1
    RMW_QOS_POLICY_HISTORY_KEEP_ALL = 2
    RMW_QOS_POLICY_HISTORY_UNKNOWN = 3


class rmw_qos_reliability_policy_t(IntEnum):
    RMW_QOS_POLICY_RELIABILITY_SYSTEM_DEFAULT = 0
    RMW_QOS_POLICY_RELIABILITY_RELIABLE = 1
    RMW_QOS_POLICY_RELIABILITY_BEST_EFFORT = 2
    RMW_QOS_POLICY_RELIABILITY_UNKNOWN = 3


class rmw_qos_durability_policy_t(IntEnum):
    RMW_QOS_POLICY_DURABILITY_SYSTEM_DEFAULT = 0
    RMW_QOS_POLICY_DURABILITY_TRANSIENT_LOCAL = 1
    RMW_QOS_POLICY_DURABILITY_VOLATILE = 2
    RMW_QOS_POLICY_DURABILITY_UNKNOWN = 3


class rmw_qos_liveliness_policy_t(IntEnum):
    RMW_QOS_POLICY_LIVELINESS_SYSTEM_DEFAULT = 0
    RMW_QOS_POLICY_LIVELINESS_AUTOMATIC = 1
    RMW_QOS_POLICY_LIVELINESS_MANUAL_BY_TOPIC = 3
    RMW_QOS_POLICY_LIVELINESS_UNKNOWN = 4


_ENUMS: dict[str, type[IntEnum]] = {
    "history": rmw_qos_history_policy_t,
    "reliability": rmw_qos_reliability_policy_t,
    "durability": rmw_qos_durability_policy_t,
    "liveliness": rmw_qos_liveliness_policy_t,
}
_DURATIONS = ("deadline", "lifespan", "liveliness_lease_duration")


def _value(policy: str, name: str) -> IntEnum:
    if name.isdecimal():  # bags before version 9
        return _ENUMS[policy](int(name))
    members = _ENUMS[policy].__members__
    return members.get(f"RMW_QOS_POLICY_{policy}_{name}".upper(), members[f"RMW_QOS_POLICY_{policy}_UNKNOWN".upper()])


def _name(policy: str, value: IntEnum) -> str:
    return value.name.removeprefix(f"RMW_QOS_POLICY_{policy}_".upper()).lower()


class Duration:
    """Seconds and nanoseconds of a QoS duration."""

    def __init__(self, seconds: int, nanoseconds: int) -> None:
        self.sec, self.nsec = seconds, nanoseconds


class QoS:
    """rclcpp's QoS as rosbag2_py shows it: setters that return the object, no getters."""

    def __init__(self, history_depth: int) -> None:
        self._fields: dict[str, Any] = {
            "history": rmw_qos_history_policy_t.RMW_QOS_POLICY_HISTORY_KEEP_LAST,
            "depth": history_depth,
            "reliability": rmw_qos_reliability_policy_t.RMW_QOS_POLICY_RELIABILITY_RELIABLE,
            "durability": rmw_qos_durability_policy_t.RMW_QOS_POLICY_DURABILITY_VOLATILE,
            "deadline": Duration(0, 0),
            "lifespan": Duration(0, 0),
            "liveliness": rmw_qos_liveliness_policy_t.RMW_QOS_POLICY_LIVELINESS_SYSTEM_DEFAULT,
            "liveliness_lease_duration": Duration(0, 0),
            "avoid_ros_namespace_conventions": False,
        }

    def _set(self, **fields: Any) -> QoS:
        self._fields.update(fields)
        return self

    def keep_last(self, depth: int) -> QoS:
        return self._set(history=rmw_qos_history_policy_t.RMW_QOS_POLICY_HISTORY_KEEP_LAST, depth=depth)

    def keep_all(self) -> QoS:
        return self._set(history=rmw_qos_history_policy_t.RMW_QOS_POLICY_HISTORY_KEEP_ALL, depth=0)

    def reliable(self) -> QoS:
        return self._set(reliability=rmw_qos_reliability_policy_t.RMW_QOS_POLICY_RELIABILITY_RELIABLE)

    def best_effort(self) -> QoS:
        return self._set(reliability=rmw_qos_reliability_policy_t.RMW_QOS_POLICY_RELIABILITY_BEST_EFFORT)

    def durability_volatile(self) -> QoS:
        return self._set(durability=rmw_qos_durability_policy_t.RMW_QOS_POLICY_DURABILITY_VOLATILE)

    def transient_local(self) -> QoS:
        return self._set(durability=rmw_qos_durability_policy_t.RMW_QOS_POLICY_DURABILITY_TRANSIENT_LOCAL)

    def history(self, policy: rmw_qos_history_policy_t) -> QoS:
        return self._set(history=policy)

    def reliability(self, policy: rmw_qos_reliability_policy_t) -> QoS:
        return self._set(reliability=policy)

    def durability(self, policy: rmw_qos_durability_policy_t) -> QoS:
        return self._set(durability=policy)

    def liveliness(self, policy: rmw_qos_liveliness_policy_t) -> QoS:
        return self._set(liveliness=policy)

    def deadline(self, duration: Duration) -> QoS:
        return self._set(deadline=duration)

    def lifespan(self, duration: Duration) -> QoS:
        return self._set(lifespan=duration)

    def liveliness_lease_duration(self, duration: Duration) -> QoS:
        return self._set(liveliness_lease_duration=duration)

    def avoid_ros_namespace_conventions(self, avoid: bool) -> QoS:
        return self._set(avoid_ros_namespace_conventions=avoid)


def qos_to_yaml(qos: QoS) -> dict[str, Any]:
    """One profile as the mapping that stands in metadata.yaml."""
    out = dict(qos._fields)
    for policy in _ENUMS:
        out[policy] = _name(policy, out[policy])
    for key in _DURATIONS:
        out[key] = {"sec": out[key].sec, "nsec": out[key].nsec}
    return out


def to_rclcpp_qos_vector(serialized: str | list[dict[str, Any]], version: int) -> list[QoS]:
    """Profiles from rosbag2's YAML.

    Args:
        serialized: YAML text, or the list that it holds; "" is no profile.
        version: metadata version; up to 8 the policies are numbers, from 9 on names. Both are understood.
    """
    profiles = _parsed(serialized) if isinstance(serialized, str) else serialized
    out = []
    for profile in profiles if isinstance(profiles, list) else []:
        fields = {policy: _value(policy, profile[policy]) for policy in _ENUMS}
        durations = {key: Duration(int(profile[key]["sec"]), int(profile[key]["nsec"])) for key in _DURATIONS}
        avoid = profile["avoid_ros_namespace_conventions"].lower() in ("true", "yes", "on", "y")
        out.append(QoS(int(profile["depth"]))._set(**fields, **durations, avoid_ros_namespace_conventions=avoid))
    return out


@cache
def _parsed(text: str) -> Any:
    """The topics of a bag have few profiles between them. Scalars are text, as in metadata.yaml."""
    return yaml.load(text, yaml.BaseLoader)


def convert_rclcpp_qos_to_rclpy_qos(qos: QoS) -> Any:
    """The profile as rclpy.qos.QoSProfile."""
    from rclpy.duration import Duration as RclpyDuration
    from rclpy.qos import QoSProfile

    fields = {key: int(value) if key in _ENUMS else value for key, value in qos._fields.items()}
    for key in _DURATIONS:
        fields[key] = RclpyDuration(nanoseconds=min(fields[key].sec * 10**9 + fields[key].nsec, 2**63 - 1))
    return QoSProfile(**fields)
