"""Options, filters and topic descriptions: the values that readers and writers take."""

from __future__ import annotations

from dataclasses import dataclass, field

from rosbag2_py._qos import (
    Duration,
    QoS,
    convert_rclcpp_qos_to_rclpy_qos,
    rmw_qos_durability_policy_t,
    rmw_qos_history_policy_t,
    rmw_qos_liveliness_policy_t,
    rmw_qos_reliability_policy_t,
    to_rclcpp_qos_vector,
)
from rosbag2_py._refusal import refuse

__all__ = [
    "ConverterOptions",
    "Duration",
    "MessageDefinition",
    "QoS",
    "StorageFilter",
    "StorageOptions",
    "TopicMetadata",
    "convert_rclcpp_qos_to_rclpy_qos",
    "get_default_storage_id",
    "rmw_qos_durability_policy_t",
    "rmw_qos_history_policy_t",
    "rmw_qos_liveliness_policy_t",
    "rmw_qos_reliability_policy_t",
    "to_rclcpp_qos_vector",
]

_PRESETS = ("", "none", "fastwrite", "zstd_fast", "zstd_small")


def get_default_storage_id() -> str:
    """The storage that is used when StorageOptions names none."""
    return "mcap"


@dataclass
class StorageOptions:
    """Where and how a bag is stored. `custom_data` goes into the bag's metadata."""

    uri: str
    storage_id: str = ""
    max_bagfile_size: int = 0
    max_bagfile_duration: int = 0
    max_cache_size: int = 0
    storage_preset_profile: str = ""
    storage_config_uri: str = ""
    snapshot_mode: bool = False
    start_time_ns: int = -1
    end_time_ns: int = -1
    custom_data: dict[str, str] = field(default_factory=dict)

    def refuse_unknown(self) -> None:
        """Raise for everything that only the official package can do."""
        if self.storage_id not in ("", "mcap"):
            raise refuse(f"storage_id '{self.storage_id}' (this one has 'mcap')")
        if self.storage_preset_profile not in _PRESETS:
            raise RuntimeError(
                "unknown MCAP storage preset profile (valid options are "
                f"'none', 'fastwrite', 'zstd_fast', 'zstd_small'): {self.storage_preset_profile}"
            )
        if self.storage_preset_profile == "zstd_small":
            raise refuse("storage_preset_profile 'zstd_small' (this one has 'none', 'fastwrite', 'zstd_fast')")
        for name in (
            "max_bagfile_duration",
            "max_cache_size",
            "snapshot_mode",
        ):
            if getattr(self, name):
                raise refuse(f"StorageOptions.{name}")


@dataclass
class ConverterOptions:
    """Serialisation formats on both sides of the storage: only "cdr" or "" (no conversion)."""

    input_serialization_format: str = ""
    output_serialization_format: str = ""

    def refuse_unknown(self) -> None:
        """Raise for formats that would need a conversion."""
        for name in (self.input_serialization_format, self.output_serialization_format):
            if name not in ("", "cdr"):
                raise refuse(f"serialization format '{name}'")


@dataclass
class TopicMetadata:
    """A topic of a bag. `type_description_hash` stays as it is given."""

    id: int
    name: str
    type: str
    serialization_format: str
    offered_qos_profiles: list[QoS] = field(default_factory=list)
    type_description_hash: str = ""

    def equals(self, other: TopicMetadata) -> bool:
        """Whether name, type and format agree."""
        mine, theirs = ((t.name, t.type, t.serialization_format) for t in (self, other))
        return mine == theirs


@dataclass
class StorageFilter:
    """Which topics are read: names in `topics` or a full match of `regex`; the exclusions win."""

    topics: list[str] = field(default_factory=list)
    services_events: list[str] = field(default_factory=list)
    actions: list[str] = field(default_factory=list)
    regex: str = ""
    exclude_topics: list[str] = field(default_factory=list)
    exclude_service_events: list[str] = field(default_factory=list)
    exclude_actions: list[str] = field(default_factory=list)
    regex_to_exclude: str = ""

    def refuse_unknown(self) -> None:
        """Raise for filters on service events and actions."""
        for name in ("services_events", "actions", "exclude_service_events", "exclude_actions"):
            if getattr(self, name):
                raise refuse(f"StorageFilter.{name}")


@dataclass
class MessageDefinition:
    """Text of a message type and of all types in it."""

    topic_type: str
    encoding: str
    encoded_message_definition: str
    type_hash: str
