"""Messages of types that have changed since they were recorded, read by the definitions that their bag holds.

Fields are matched by name: new ones have their default, removed ones are dropped, and numbers of another type are
converted where that changes no value.
"""

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from rclpy.serialization import deserialize_message, serialize_message
from rosbags.interfaces import Nodetype
from rosbags.serde import SerdeError
from rosbags.typesys import Stores, TypesysError, get_types_from_msg, get_typestore
from rosidl_runtime_py.utilities import get_message

from aloe_data.recording import RecordingError

_NUMPY_NAMES = {"byte": "uint8", "char": "uint8"}


class FormerType:
    """A type as it was when a bag was recorded.

    Args:
        name: Type that a topic has, "package/msg/Name".
        recorded: Its definition from the bag, followed by those of all types in it.
        installed: The same of the interfaces that are installed.

    Raises:
        RecordingError: Its messages cannot be read, or would mean something else; names type and remedy.
    """

    def __init__(self, name: str, recorded: str, installed: str) -> None:
        self._name = name
        self._message_class = get_message(name)
        try:
            self._recorded = _typestore(name, recorded)
            self._installed = _typestore(name, installed)
        except TypesysError as error:
            raise RecordingError(f"the definition of {name} in the bag cannot be read: {error}") from error
        self._check_constants()

    def read(self, data: bytes) -> Any:
        """The message of the installed type that a serialised message of the recorded type becomes.

        Raises:
            RecordingError: A value that the installed type cannot hold; names message, field and remedy.
        """
        try:
            former = _deserialize(self._recorded, data, self._name)
        except (SerdeError, struct.error, IndexError, ValueError) as error:
            raise RecordingError(
                f"a message does not fit the definition of {self._name} in the bag: {error}"
            ) from error
        now = self._convert_message(former, self._name)
        return deserialize_message(bytes(self._installed.serialize_cdr(now, self._name)), self._message_class)

    def _check_constants(self) -> None:
        """A number whose name has changed its meaning would be misread without notice."""
        for name in self._recorded.fielddefs.keys() & self._installed.fielddefs.keys():
            before = {constant: value for constant, _, value in self._recorded.fielddefs[name][0]}
            now = {constant: value for constant, _, value in self._installed.fielddefs[name][0]}
            for constant in before.keys() & now.keys():
                if before[constant] != now[constant]:
                    raise RecordingError(
                        f"{constant} of {name} was {before[constant]} when it was recorded and is {now[constant]};"
                        f" {_remedy(name)}"
                    )

    def _convert_message(self, former: Any, name: str) -> Any:
        """A message of the installed type `name` from one of the recorded type."""
        default = serialize_message(get_message(name)())
        now = _deserialize(self._installed, default, name)
        for field, description in self._installed.get_msgdef(name).fields:
            if hasattr(former, field):
                setattr(now, field, self._convert(getattr(former, field), description, f"{field} of {name}"))
        return now

    def _convert(self, value: Any, description: Any, where: str) -> Any:
        kind, detail = description
        if kind in (Nodetype.ARRAY, Nodetype.SEQUENCE):
            return self._convert_sequence(value, description, where)
        if isinstance(value, Sequence | np.ndarray) and not isinstance(value, str):
            raise _refusal(where, "a list", "a single value")
        if kind == Nodetype.NAME:
            if not hasattr(value, "__msgtype__"):
                raise _refusal(where, f"the value {value!r}", detail)
            return self._convert_message(value, detail)
        if detail[0] == "string":
            if not isinstance(value, str):
                raise _refusal(where, f"the value {value!r}", "a text")
            return value
        return _convert_numbers(value, detail[0], where).item()

    def _convert_sequence(self, value: Any, description: Any, where: str) -> Any:
        kind, (element, length) = description
        if isinstance(value, str) or not isinstance(value, Sequence | np.ndarray):
            raise _refusal(where, "a single value", "a list")
        too_long = length and len(value) > length
        if too_long or (kind == Nodetype.ARRAY and len(value) != length):
            raise _refusal(where, f"{len(value)} values", f"a list of {length}")
        if element[0] == Nodetype.BASE and element[1][0] != "string" and isinstance(value, np.ndarray):
            return _convert_numbers(value, element[1][0], where)
        return [self._convert(item, element, where) for item in value]


def _convert_numbers(value: Any, name: str, where: str) -> np.ndarray[Any, Any]:
    """Numbers as a type of ROS, where each of them stays what it is."""
    before = np.asarray(value)
    if before.dtype.kind not in "biuf":
        raise _refusal(where, f"the value {value!r}", name)
    with np.errstate(invalid="ignore", over="ignore"):
        now = before.astype(_NUMPY_NAMES.get(name, name))
        back = now.astype(before.dtype)
    numbers = before.dtype.kind == "f"
    # The way there alone may round both sides alike, and the way there and back may go round all bits.
    if not (np.array_equal(now, before, equal_nan=numbers) and np.array_equal(back, before, equal_nan=numbers)):
        raise _refusal(where, f"{before.dtype} values that do not fit", name)
    return now


def _typestore(name: str, definition: str) -> Any:
    store = get_typestore(Stores.EMPTY)
    store.register(get_types_from_msg(definition, name))
    return store


def _deserialize(store: Any, data: bytes, name: str) -> Any:
    """A message, whatever follows it: rclpy reserves bytes that empty lists then do not need, and leaves them there."""
    kind = store.get_msgdef(name)
    read = kind.deserialize_cdr_le if data[1] & 1 else kind.deserialize_cdr_be
    message, _ = read(memoryview(data)[4:], 0, kind.cls, store)
    return message


def _refusal(where: str, before: str, now: str) -> RecordingError:
    return RecordingError(f"{where} has {before} in the bag and is {now} now; {_remedy(where.split(' of ')[-1])}")


def _remedy(name: str) -> str:
    return f"read the bag with the {name.split('/')[0]} that it was recorded with"
