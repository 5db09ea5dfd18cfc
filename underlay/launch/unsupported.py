"""How the stand-ins refuse what they do not have: by name, and naming the official package that has it."""

from collections.abc import Callable, Mapping
from typing import Any, NoReturn


class NotInStandInError(ImportError):
    """Something of the official package is not in this stand-in."""


def refuse(what: str, package: str = "launch") -> NoReturn:
    """Raise the error that says that only the official package has `what`."""
    raise NotInStandInError(
        f"{what} is not in ALOE's stand-in for '{package}'; it needs the official package "
        f"(ros-jazzy-{package.replace('_', '-')}): source a ROS 2 Jazzy install and run ./env again"
    )


def refuse_arguments(owner: object, unknown: Mapping[str, Any], package: str = "launch") -> None:
    """Refuse keyword arguments that the stand-in's class does not know; does nothing where there are none."""
    if unknown:
        refuse(f"{type(owner).__name__}({', '.join(f'{name}=...' for name in sorted(unknown))})", package)


def missing_names(module: str, package: str = "launch") -> Callable[[str], NoReturn]:
    """Return a module's `__getattr__` that refuses the names which the module does not define."""

    def getattribute(name: str) -> NoReturn:
        if name.startswith("_"):
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        refuse(f"{module}.{name}", package)

    return getattribute
