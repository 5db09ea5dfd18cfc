"""A control loop under audit: an auditor hears everything that the loop hears, and judges all its ticks."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from aloe_control.arming import needs_takeover
from aloe_control.audit import Audit
from aloe_control.audit_findings import AuditRules
from aloe_control.control_loop import ControlLoop
from aloe_control.human_commands import HumanCommand
from aloe_control.operator_requests import Request
from aloe_control.tick import ControlConfig, TickResult
from aloe_data.chunk import Chunk
from aloe_data.rig import Rig


class AuditedLoop(ControlLoop):
    """For trials and tests; `audit` holds the judgements. Arguments as for `ControlLoop`."""

    def __init__(self, rig: Rig, config: ControlConfig | None = None) -> None:
        super().__init__(rig, config)
        config = config or ControlConfig()
        asks_ready = needs_takeover(rig, config)
        self.audit = Audit(rig, AuditRules(config.request_max_age_s, takeovers=config.takeovers, asks_ready=asks_ready))

    def set_joint_state(
        self, arm: str, stamp_ns: int, positions: Sequence[float] | npt.NDArray[np.float64], now_ns: int | None = None
    ) -> str:
        self.audit.joint_state(arm, stamp_ns, np.asarray(positions, float))
        return super().set_joint_state(arm, stamp_ns, positions, now_ns)

    def set_camera_stamp(
        self, camera: str, stamp_ns: int, content: int | None = None, now_ns: int | None = None
    ) -> None:
        self.audit.image(camera, stamp_ns, content)
        super().set_camera_stamp(camera, stamp_ns, content, now_ns)

    def set_chunk(self, chunk: Chunk, sender: str = "", now_ns: int | None = None) -> str:
        self.audit.chunk(chunk, sender, now_ns)
        return super().set_chunk(chunk, sender, now_ns)

    def set_human(self, command: HumanCommand, now_ns: int) -> str:
        self.audit.command(command, now_ns)
        return super().set_human(command, now_ns)

    def request(self, request: Request, now_ns: int) -> str:
        self.audit.request(request, now_ns)
        return super().request(request, now_ns)

    def arm(self, now_ns: int) -> tuple[bool, str]:
        was_armed = self.armed
        answer = super().arm(now_ns)
        if answer[0] and not was_armed:
            self.audit.arm(now_ns)
        return answer

    def disarm(self, reason: str) -> None:
        self.audit.disarm()
        super().disarm(reason)

    def tick(self, now_ns: int, steady_ns: int | None = None) -> TickResult:
        result = super().tick(now_ns, steady_ns)
        self.audit.tick(result, steady_ns)
        return result
