"""What control_node says of itself on /diagnostics."""

from dataclasses import asdict

from diagnostic_msgs.msg import DiagnosticStatus

from aloe_control.control_loop import ControlLoop
from aloe_control.tick_statistics import TickSummary
from aloe_data.ros.convert import diagnostic_status
from aloe_data.ros.sealed_inputs import SealedInputs

OK = DiagnosticStatus.OK
WARN = DiagnosticStatus.WARN
ERROR = DiagnosticStatus.ERROR


def loop_statuses(loop: ControlLoop, ticks: TickSummary, now_ns: int) -> list[DiagnosticStatus]:
    """How motion and its streams stand.

    Args:
        loop: Control loop that is reported on.
        ticks: Punctuality of its ticks.
        now_ns: Present time, for the ages of streams.
    """
    summary: dict[str, object] = {name: round(value, 3) for name, value in asdict(ticks).items()}
    summary["refused_chunks"] = loop.policy.refused_chunks
    summary["last_refusal"] = loop.policy.last_refusal
    state = "armed" if loop.armed else "not armed"
    problems = loop.problems(now_ns)
    return [
        diagnostic_status("control_node: motion", loop.fault or state, summary, ERROR if loop.fault else OK),
        diagnostic_status("control_node: streams", " | ".join(problems) or "all healthy", {}, WARN if problems else OK),
    ]


def strangers_status(sealed: SealedInputs) -> DiagnosticStatus:
    """Who speaks where only this session may."""
    problems = sealed.problems()
    values = {"refused_messages": sealed.refused_count}
    level = ERROR if problems else OK
    return diagnostic_status("control_node: strangers", " | ".join(problems) or "none heard", values, level)
