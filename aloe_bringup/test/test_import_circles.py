"""No module of a package imports another one that imports it back, on whatever way, wherever in the file."""

import ast
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = sorted(path.name for path in ROOT.glob("aloe_*") if (path / path.name / "__init__.py").is_file())
# A registry names the kinds that it can load, and imports the one that is asked for inside a function.
REGISTRIES = ("aloe_policy.backend", "aloe_policy.encoders.registry")
Graph = Mapping[str, set[str]]


def module_name(file: Path, root: Path) -> str:
    parts = file.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(node: ast.AST, modules: set[str]) -> set[str]:
    """Modules of the package that one statement imports."""
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names} & modules
    if not isinstance(node, ast.ImportFrom) or node.module is None:
        return set()
    # "from package import module" imports the module; "from module import name" the module that has the name.
    names = {f"{node.module}.{alias.name}" for alias in node.names}
    return names & modules or {node.module} & modules


def import_graph(package: str, root: Path) -> Graph:
    """Every module of a package with those that it imports."""
    files = {module_name(file, root): file for file in (root / package).rglob("*.py")}
    graph = {}
    for name, file in files.items():
        tree = ast.parse(file.read_text(), str(file))
        inside = {n for f in ast.walk(tree) if isinstance(f, ast.FunctionDef) for n in ast.walk(f)}
        nodes = [node for node in ast.walk(tree) if not (name in REGISTRIES and node in inside)]
        graph[name] = set().union(*(imported(node, set(files)) for node in nodes)) - {name}
    return graph


def find_circle(graph: Graph) -> list[str]:
    """The modules of one circle in their order; none where there is no circle."""
    done: set[str] = set()

    def follow(name: str, way: list[str]) -> list[str]:
        if name in way:
            return [*way[way.index(name) :], name]
        if name in done:
            return []
        for other in sorted(graph[name]):
            if circle := follow(other, [*way, name]):
                return circle
        done.add(name)
        return []

    return next((circle for name in sorted(graph) if (circle := follow(name, []))), [])


@pytest.mark.parametrize("package", PACKAGES)
def test_modules_of_a_package_import_each_other_in_one_direction(package: str) -> None:
    circle = find_circle(import_graph(package, ROOT / package))
    assert not circle, f"{' -> '.join(circle)}: move what both need into a module of its own"


def test_a_circle_is_found_wherever_its_imports_stand(tmp_path: Path) -> None:
    package = tmp_path / "house"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "door.py").write_text("from house.room import Room\n")
    (package / "room.py").write_text("from house import wall\n")
    (package / "wall.py").write_text("def open_wall():\n    import house.door\n")
    (package / "roof.py").write_text("from house import door, wall\n")
    assert find_circle(import_graph("house", tmp_path)) == ["house.door", "house.room", "house.wall", "house.door"]
