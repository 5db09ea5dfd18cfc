"""Codes of Linux input events, and their names."""

from collections.abc import Iterable

from aloe_data.config import ConfigError
from aloe_data.section import nearest

# linux/input-event-codes.h
EV_SYN = 0
EV_KEY = 1
EV_REL = 2
EV_ABS = 3
SYN_DROPPED = 3


def codes_of(names: Iterable[str], source: str) -> dict[str, tuple[int, int]]:
    """Kind and code of names such as KEY_A, BTN_SOUTH, ABS_X, REL_Z.

    Raises:
        ConfigError: an unknown name, with the nearest valid one; two names of the same key.
    """
    table = names_of_codes()
    codes: dict[str, tuple[int, int]] = {}
    for name in names:
        if name not in table:
            raise ConfigError(f"{source}: unknown key or axis '{name}'; {nearest(name, table)}")
        for other, code in codes.items():
            if code == table[name] and other != name:
                raise ConfigError(f"{source}: '{name}' and '{other}' are the same key; name it once")
        codes[name] = table[name]
    return codes


def names_of_codes() -> dict[str, tuple[int, int]]:
    """All names of keys, buttons and axes, with kind and code."""
    try:
        from evdev import ecodes
    except ImportError as error:
        raise ConfigError(f"this device needs the package evdev; pip install evdev ({error})") from error
    kinds = {"KEY_": EV_KEY, "BTN_": EV_KEY, "REL_": EV_REL, "ABS_": EV_ABS}
    return {name: (kinds[name[:4]], code) for name, code in ecodes.ecodes.items() if name[:4] in kinds}
