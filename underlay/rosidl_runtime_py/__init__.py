"""Stand-in for the ROS 2 package `rosidl_runtime_py`: messages to and from dictionaries and YAML."""

from launch.unsupported import missing_names

from .convert import message_to_ordereddict, message_to_yaml
from .set_message import set_message_fields

__getattr__ = missing_names(__name__, "rosidl_runtime_py")
__all__ = ["message_to_ordereddict", "message_to_yaml", "set_message_fields"]
