"""How fast, how smooth and how safe a takeover is.

On the real graph, under the load of bench/control.py (simulator, three cameras, policy, control, recorder), pedals are
pressed at random moments. Their events are written as the kernel writes them, into a pipe that teleop_node reads:
  takeover_p99_ms        from the pedal's event until control_node gives authority: from then on no command of the
                         policy goes out. The commands of the human begin with the next tick: first_tick_p99_ms
  invalid_bags           bags of this part that cannot be read as an episode
In one process, without physics, in both action spaces, with devices of every kind:
  handover_step_ratio    largest step of a joint's velocity at a hand-over, over the acceleration limit per tick; in
                         both directions, --handovers times in full motion
  silence_to_hold_ticks  most ticks from the moment at which a stream is too old, or wrong, until the arm holds
  faults_injected        every fault of `ros2 run aloe_sim faults`, --trials times at random moments; and some of them
                         on the real graph
  unsafe_ticks           of both parts, as aloe_control.audit judges: stale data, beyond a limit, from a wrong source
With --former FOLDER the part on the real graph is run by this checkout and a former one in turns, and what is limited
is the ratio of their figures.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
from control import RIG_FILE
from former import add_former_options, compare
from output import conclude, make_parser
from takeover_live import Live, measure
from takeover_trials import Handover, faults, handovers, silences

from aloe_data.rig_file import load_rig
from aloe_sim.faults.fault_trials import Outcome

TARGETS = {
    "takeover_p99_ms": 20.0,
    "handover_step_ratio": 1.0,
    "silence_to_hold_ticks": 2,
    "unsafe_ticks": 0,
    "invalid_bags": 0,
    "unanswered_pedals": 0,
}
TIMED = ("takeover_p50_ms",)  # of which a ratio is limited with --former
COUNTED = ("unanswered_pedals",)
LEAST_IN_PROCESS = ("--trials", "1", "--handovers", "4")  # where only the part on the real graph is compared
QUICK = (
    "--seconds=5",
    "--trials=1",
    "--handovers=4",
)


def figures_of(
    live: Live, steps: list[Handover], silent: dict[str, int], outcomes: list[Outcome]
) -> dict[str, float | int]:
    """All figures."""
    take, release = (max(getattr(step, name) for step in steps) for name in ("take", "release"))
    return {
        "takeover_p50_ms": float(np.median(live.authority_ms)),
        "takeover_p99_ms": float(np.percentile(live.authority_ms, 99)),
        "first_tick_p50_ms": float(np.median(live.first_tick_ms)),
        "first_tick_p99_ms": float(np.percentile(live.first_tick_ms, 99)),
        "takeovers": len(live.authority_ms),
        "unanswered_pedals": live.unanswered,
        "handovers": len(steps),
        "handover_step_ratio": round(max(take, release), 6),  # the limit itself is allowed, and often used
        "take_step_ratio": round(take, 6),
        "release_step_ratio": round(release, 6),
        "silence_to_hold_ticks": max(silent.values()),
        "faults_injected": len(outcomes) + live.faults,
        "audited_ticks": sum(outcome.ticks for outcome in outcomes) + live.ticks,
        "unsafe_ticks": sum(outcome.unsafe_ticks for outcome in outcomes) + live.unsafe_ticks,
        "bags": live.bags,
        "invalid_bags": len(live.invalid),
    }


def draw(live: Live, steps: list[Handover], silent: dict[str, int], file: Path) -> None:
    """Times to authority, velocity steps at hand-overs, ticks to HOLD."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (times, ratio, hold) = pyplot.subplots(1, 3, figsize=(15, 4.5))
    times.hist([live.authority_ms, live.first_tick_ms], bins=30, label=["authority", "first tick of the human"])
    times.axvline(20.0, color="0.5", ls="--")
    times.set(title="From a pedal's event", xlabel="ms", ylabel="takeovers")
    times.legend()
    ratio.hist([[s.take for s in steps], [s.release for s in steps]], bins=30, label=["takeover", "hand-back"])
    ratio.set(title="Largest velocity step at a hand-over", xlabel="share of the acceleration limit per tick")
    ratio.legend()
    hold.barh(list(silent), list(silent.values()))
    hold.set(title="From too old, or wrong, to HOLD", xlabel="ticks")
    figure.tight_layout()
    figure.savefig(file, dpi=110)


def measure_all(options: argparse.Namespace) -> dict[str, float | int]:
    """Measure both parts; all figures."""
    rig = load_rig(RIG_FILE)
    with tempfile.TemporaryDirectory(prefix="bench_takeover_") as scratch:
        live = measure(Path(scratch), rig, options.seconds, options.policy)
    if not live.authority_ms:
        sys.exit("bench: nobody took over; see the messages above")
    steps = handovers(rig, options.handovers)
    silent = silences(rig, min(10, options.trials))
    outcomes = faults(rig, options.trials)
    for words in (*live.unsafe[:10], *live.invalid[:10]):
        print(words)
    for outcome in [outcome for outcome in outcomes if outcome.unsafe][:10]:
        print(f"{outcome.fault}: {outcome.unsafe[0]}")
    if options.png:
        draw(live, steps, silent, options.png)
    return figures_of(live, steps, silent, outcomes)


def main() -> None:
    """Measure, compute, print."""
    parser = make_parser(__doc__, QUICK, seconds=120.0)
    parser.add_argument("--policy", default="", help="checkpoint folder or 'expert' (default: the shipped checkpoint)")
    parser.add_argument("--trials", type=int, default=50, help="of every fault, in one process (default: 50)")
    parser.add_argument("--handovers", type=int, default=200, help="takeovers in one process (default: 200)")
    add_former_options(parser)
    options = parser.parse_args()
    if options.former:
        arguments = ["--seconds", str(options.seconds), "--policy", options.policy, *LEAST_IN_PROCESS]
        figures, targets = compare("takeover", options.former, options.rounds, arguments, TIMED, COUNTED)
    else:
        figures = measure_all(options)
        targets = TARGETS
    conclude("takeover", figures, targets, options)


if __name__ == "__main__":
    main()
