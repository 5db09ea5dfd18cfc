"""Which room of the simulator may use which other one, held against the code."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "aloe_sim"
MAY_USE = {
    "tasks": {"tasks"},
    "rig": {"rig", "tasks"},
    "faults": {"faults", "rig"},
    "rollout": {"rollout", "rig", "tasks"},
}


def test_every_module_stands_in_a_room() -> None:
    rooms = {file.relative_to(PACKAGE).parts[0] for file in PACKAGE.rglob("*.py")}
    assert rooms == {*MAY_USE, "ros", "__init__.py"}


@pytest.mark.parametrize("room", MAY_USE)
def test_a_room_uses_only_the_rooms_below_it(room: str) -> None:
    wrong = []
    for file in sorted((PACKAGE / room).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(), str(file))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("aloe_sim."):
                used = str(node.module).split(".")[1]
                if used not in MAY_USE[room]:
                    wrong.append(f"{file.relative_to(PACKAGE)} imports {node.module}")
    assert not wrong, "\n".join(wrong)
