"""What a check of a bag brings to light."""

from dataclasses import dataclass, field


@dataclass
class Findings:
    """What is wrong with a bag, and what is worth knowing of it."""

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
