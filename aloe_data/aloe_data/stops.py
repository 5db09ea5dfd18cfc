"""Emergency stops and faults as control_node tells of them: each counts for the whole run, also one that was reset."""


class Stops:
    """Counts what must end a run.

    An emergency stop that is reset before anybody looks has still been pressed: control_node numbers them, so that none
    is missed. On a real rig the operator tries the stop before the first motion; that try ends nothing, as motion then
    needs his word (READY) anew.

    Args:
        tried_first: Whether stops before the first motion are tries.

    Attributes:
        count: Emergency stops and faults so far, without tries and without what was over before the first message.
    """

    def __init__(self, tried_first: bool) -> None:
        self.count = 0
        self._may_be_try = tried_first
        self._latched = False
        self._number: int | None = None  # of emergency stops, as control_node counts; None: nothing heard yet
        self._fault: str | None = None  # as last heard

    def moved(self) -> None:
        """Motion was enabled: from now on no stop is a try."""
        self._may_be_try = False

    def heard(self, armed: bool, estop: bool, fault: str, number: int) -> bool:
        """Take what control_node says; returns whether an emergency stop must end what is under way.

        Args:
            armed: Motion is enabled.
            estop: The emergency stop is latched.
            fault: "" or what stopped motion.
            number: Emergency stops since control_node started.
        """
        if armed:
            self.moved()
        is_pressed = (estop and not self._latched) or (self._number is not None and number > self._number)
        is_fault = bool(fault) and self._fault is not None and fault != self._fault
        self._latched = estop
        self._number = number
        self._fault = fault
        if self._may_be_try:
            return False
        if is_pressed or is_fault:
            self.count += 1
        return is_pressed or estop

    @property
    def latched(self) -> bool:
        """Whether an emergency stop that was no try is not reset yet."""
        return self._latched and not self._may_be_try

    @property
    def reason(self) -> str:
        """What the last of them was, and what to do."""
        if self._latched or not self._fault:
            return "emergency stop: look at the robot, reset the stop; start anew"
        return f"{self._fault}; start anew"
