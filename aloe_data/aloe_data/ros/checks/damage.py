"""Whether a bag holds all that it should, and every byte of it can be read."""

from pathlib import Path

from aloe_data.bag_state import BagState
from aloe_data.mcap_recovery import lacks_checksums, read_content
from aloe_data.mcap_summary import McapSummary, misplaced_chunks
from aloe_data.ros.checks.findings import Findings


def check(state: BagState, found: Findings, quick: bool) -> bool:
    """Find what is missing and what cannot be read; whether all can be read.

    Args:
        state: State of the bag.
        found: Findings that are added to.
        quick: Whether to see only if chunks are where the files' ends say, and not to read every byte.

    Raises:
        OSError: a file cannot be read.
    """
    damage: list[str] = []
    for file, summary in zip(state.files, state.summaries, strict=True):
        damage += _damage(file, summary, quick)
        if not quick and lacks_checksums(file):
            found.notes.append(f"{file.name}: written without checksums: damage inside cannot be seen")
    found.problems += [*state.faults, *damage]
    for stray in state.strays:
        found.notes.append(f"{stray.name} does not belong to it by its metadata.yaml, and is not read")
    return not state.missing and not damage


def _damage(file: Path, summary: McapSummary | None, quick: bool) -> list[str]:
    if quick:
        misplaced = misplaced_chunks(file, summary) if summary else 0
        return [f"{file.name}: {misplaced} chunks are not where its end says"] if misplaced else []
    content = read_content(file)
    if summary and not content.damage and content.counts != summary.counts:
        return [f"{file.name}: holds other messages than its end tells of"]
    return [f"{file.name}: {damage}" for damage in content.damage]
