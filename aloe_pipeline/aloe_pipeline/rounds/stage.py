"""One step of a round: a command, what it reads, and what it leaves."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Stage:
    """A step of a round.

    Attributes:
        round: to which it belongs; 0: before the first.
        name: within the round.
        purpose: for people.
        command: its words. The same words go on where they were interrupted, with `--resume` behind them if `state`
            is there.
        output: complete when it is there.
        inputs: files and folders on whose content the output depends.
        leaves: what else it writes that must not outlive a change; removed with the output before it begins anew.
        state: from which an interrupted command can go on.
        needed: the round cannot go on without it.
        shows: pattern of the lines that people want to see while it works; empty: none.
        beside: the stages behind it begin while it works; its end is awaited where the plan names it again.
        nice: by how much it yields to other processes.
    """

    round: int
    name: str
    purpose: str
    command: tuple[str, ...]
    output: Path
    inputs: tuple[Path, ...] = ()
    leaves: tuple[Path, ...] = ()
    state: Path | None = None
    needed: bool = True
    shows: str = ""
    beside: bool = False
    nice: int = 0

    def __str__(self) -> str:
        return f"round {self.round}, {self.name}" if self.round else self.name
