"""The latched emergency stop: who pressed it, who may reset it, and whose was tried."""

from collections.abc import Callable

from aloe_control.operator_requests import Request, RequestRefused, operator_text


class EmergencyStop:
    """Stops that are outstanding, by the device that asked for them.

    Everybody may stop. A stop is reset by the device that asked for it; by any device that is present where that one
    is unknown or gone, lest a broken device keep the robot stopped for good.

    Attributes:
        count: How many stops there were so far; a device repeats its request until it is heard, which counts once.
    """

    def __init__(self) -> None:
        self._outstanding: dict[str, str] = {}
        self._tried: set[str] = set()
        self.count = 0

    @property
    def text(self) -> str:
        """ "" or who pressed the emergency stop, and why, for every stop that is outstanding."""
        return " | ".join(self._outstanding.values())

    def press(self, request: Request) -> None:
        """Stop; never refused."""
        if request.sender in self._outstanding:
            return
        self.count += 1
        who = request.operator or request.device or "somebody"
        reason = f": {request.reason}" if request.reason else ""
        self._outstanding[request.sender] = f"emergency stop by {who}{reason}"

    def reset(self, request: Request, is_present: Callable[[str], bool]) -> None:
        """Clear the stops that a device may clear; others stay outstanding.

        Args:
            request: Request to reset.
            is_present: Whether the device of a sender is there.

        Raises:
            RequestRefused: all of them are for others to reset.
        """
        mine = [
            sender for sender in self._outstanding if sender == request.sender or not sender or not is_present(sender)
        ]
        if self._outstanding and not mine:
            who = operator_text(request.operator, request.sender)
            raise RequestRefused(f"{self.text}; it is reset on the device that stopped, not by {who}")
        if request.sender in mine:
            self._tried.add(request.sender)
        for sender in mine:
            del self._outstanding[sender]

    def was_tried(self, sender: str) -> bool:
        """Whether a device has stopped and reset in this session: its key and the way to control work."""
        return sender in self._tried
