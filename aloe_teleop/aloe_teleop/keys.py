"""Keys of a pedal, gamepad or keyboard as requests and verdicts: mapped by name, debounced, toggled or held down."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from aloe_data.config import ConfigError, parameter
from aloe_data.rig import Rig
from aloe_data.section import nearest
from aloe_data.vocabulary import NS, RequestKind, Verdict
from aloe_teleop.device import Request, View

TOGGLE = "toggle"
WHILE_PRESSED = "while_pressed"
_VERDICTS = {"success": Verdict.SUCCESS, "failure": Verdict.FAILURE, "abort": Verdict.ABORT}
_ASKS = {
    "release": RequestKind.RELEASE,
    "hold": RequestKind.HOLD,
    "estop": RequestKind.ESTOP,
    "reset": RequestKind.RESET,
    "ready": RequestKind.READY,
}
_TAKES = ("take_left", "take_right", "take_both")
ACTIONS = (*_TAKES, *_ASKS, *_VERDICTS)
_LONG_AGO_NS = -(1 << 62)

_key = partial(parameter, "")


@dataclass(frozen=True)
class KeyConfig:
    """Which key does what; an action without a key cannot be asked for with this device."""

    take_left: str = _key(doc="key that takes the arm `left` over")
    take_right: str = _key(doc="key that takes the arm `right` over")
    take_both: str = _key(doc="key that takes all arms over")
    release: str = _key(doc="key that hands all arms back to the policy")
    hold: str = _key(doc="key that lets all arms hold")
    success: str = _key(doc="key that ends the episode as a success")
    failure: str = _key(doc="key that ends the episode as a failure")
    abort: str = _key(doc="key that ends the episode without a result")
    estop: str = _key(doc="key of the emergency stop")
    reset: str = _key(doc="key that clears the emergency stop, after a look at the robot")
    ready: str = _key(doc="key that says: I am here and the scene is ready; motion may be enabled once")
    left: str = parameter("left_arm", doc="arm that take_left takes")
    right: str = parameter("right_arm", doc="arm that take_right takes")
    take: str = parameter(TOGGLE, choices=(TOGGLE, WHILE_PRESSED), doc="press again to give back, or hold down")
    on_lift: str = parameter("hold", choices=("hold", "release"), doc="what lifting a held take key asks for")
    debounce_s: float = parameter(0.03, unit="s", low=0.0, high=1.0, doc="a contact may bounce for so long")

    def keys(self) -> dict[str, str]:
        """Key to action."""
        return {getattr(self, action): action for action in ACTIONS if getattr(self, action)}

    def deadman_keys(self) -> tuple[str, ...]:
        """Keys that are held down for as long as an arm is to follow."""
        if self.take != WHILE_PRESSED:
            return ()
        return tuple(getattr(self, action) for action in _TAKES if getattr(self, action))


@dataclass
class _Contact:
    """One key: where it is, and which of its changes has been acted upon when."""

    is_down: bool = False
    counted_down: bool = False
    counted_ns: int = _LONG_AGO_NS


class KeyActions:
    """Turns changes of keys into requests and verdicts.

    The first change of a contact counts at once; what follows within the debounce time counts when that is over, if the
    contact then still is in another state. The emergency stop does not wait for that.

    Args:
        config: Mapping of keys to actions.
        rig: Rig that names the arms.
        valid: Names of the keys that the device may have.
        source: Name of the device, for messages.

    Raises:
        ConfigError: an unknown key or arm, a key with two meanings, no key at all.
    """

    def __init__(self, config: KeyConfig, rig: Rig, valid: Iterable[str], source: str) -> None:
        check_keys(config, valid, source)
        self._keys = config.keys()
        if not self._keys:
            raise ConfigError(f"{source}: no key has a meaning; give some of {', '.join(ACTIONS)}")
        self._arms = {"take_both": tuple(arm.name for arm in rig.arms)}
        for action, side in (("take_left", config.left), ("take_right", config.right)):
            if getattr(config, action):
                self._arms[action] = (rig.arm(side).name,)
        self._hold_down = config.take == WHILE_PRESSED
        self._on_lift = RequestKind.RELEASE if config.on_lift == "release" else RequestKind.HOLD
        self._debounce_ns = round(config.debounce_s * NS)
        self._edges: list[tuple[str, bool]] = []
        self.forget()

    def feed(self, key: str, is_down: bool, now_ns: int) -> None:
        """A key went down or up; keys without a meaning are ignored."""
        if key in self._contacts:
            self._contacts[key].is_down = is_down
            self._settle(key, now_ns)
        elif is_down and key in self._keys:  # the emergency stop
            self._edges.append((key, True))

    def forget(self) -> None:
        """The device is gone: nothing is down, and nothing of before counts when it comes back."""
        self._contacts = {key: _Contact() for key, action in self._keys.items() if action != "estop"}
        self._edges.clear()

    def poll(self, now_ns: int, view: View) -> tuple[tuple[Request, ...], Verdict]:
        """What the keys have asked for since the last poll; of several verdicts the first."""
        for key in self._contacts:
            self._settle(key, now_ns)
        edges = self._edges
        self._edges = []
        requests = [request for key, is_down in edges if (request := self._request(key, is_down, view))]
        verdicts = [_VERDICTS[self._keys[key]] for key, is_down in edges if is_down and self._keys[key] in _VERDICTS]
        return tuple(requests), verdicts[0] if verdicts else Verdict.NONE

    def _settle(self, key: str, now_ns: int) -> None:
        contact = self._contacts[key]
        # Of the absolute value: a clock that was set back must not leave a key waiting.
        if contact.is_down != contact.counted_down and abs(now_ns - contact.counted_ns) >= self._debounce_ns:
            contact.counted_down = contact.is_down
            contact.counted_ns = now_ns
            self._edges.append((key, contact.is_down))

    def _request(self, key: str, is_down: bool, view: View) -> Request | None:
        action = self._keys[key]
        arms = self._arms.get(action, ())
        if action in _TAKES and not is_down:
            return Request(self._on_lift, arms, f"lifted {key}", if_held=True) if self._hold_down else None
        if not is_down or action in _VERDICTS:
            return None
        reason = f"pressed {key} ({action})"
        if action in _ASKS:
            return Request(_ASKS[action], (), reason)
        back = not self._hold_down and all(view.holds(arm) for arm in arms)
        return Request(RequestKind.RELEASE if back else RequestKind.TAKE, arms, reason)


def check_keys(config: KeyConfig, valid: Iterable[str], source: str) -> None:
    """Raise ConfigError for a key that is unknown, or that has two meanings."""
    names = set(valid)
    seen: dict[str, str] = {}
    for action in ACTIONS:
        key = getattr(config, action)
        if key and key not in names:
            raise ConfigError(f"{source}: {action}: unknown key '{key}'; {nearest(key, names)}")
        if key in seen:
            raise ConfigError(f"{source}: key '{key}' is both {seen[key]} and {action}; give each its own")
        if key:
            seen[key] = action
