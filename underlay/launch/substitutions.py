"""Substitutions: the ways in which text may depend on arguments, packages and the environment."""

from __future__ import annotations

import importlib
import math
import os
from collections.abc import Iterable
from typing import Any

from .launch_context import LaunchContext
from .substitution import SomeSubstitutionsType, Substitution
from .unsupported import missing_names
from .utilities import normalize_to_list_of_substitutions, perform_substitutions

__getattr__ = missing_names(__name__)


class SubstitutionFailure(RuntimeError):
    """A substitution has no value."""


class TextSubstitution(Substitution):
    """Plain text."""

    def __init__(self, *, text: str) -> None:
        if not isinstance(text, str):
            raise TypeError(f"TextSubstitution expected text to be a str, got {type(text).__name__}")
        self.text = text

    def describe(self) -> str:
        return f"'{self.text}'"

    def perform(self, context: LaunchContext) -> str:
        return self.text


class LaunchConfiguration(Substitution):
    """The value of a launch configuration, which is what a launch argument sets."""

    def __init__(self, variable_name: SomeSubstitutionsType, *, default: Any | None = None) -> None:
        self.variable_name = normalize_to_list_of_substitutions(variable_name)
        if default is not None and not isinstance(default, (str, Substitution, list, tuple)):
            default = str(default)
        self.default = None if default is None else normalize_to_list_of_substitutions(default)

    def describe(self) -> str:
        return f"LaunchConfig({' + '.join(part.describe() for part in self.variable_name)})"

    def perform(self, context: LaunchContext) -> str:
        name = perform_substitutions(context, self.variable_name)
        if name in context.launch_configurations:
            return context.launch_configurations[name]
        if self.default is None:
            raise SubstitutionFailure(f"launch configuration '{name}' does not exist")
        return perform_substitutions(context, self.default)


class EnvironmentVariable(Substitution):
    """The value of an environment variable, as earlier actions of the launch left it."""

    def __init__(self, name: SomeSubstitutionsType, *, default_value: SomeSubstitutionsType | None = None) -> None:
        self.name = normalize_to_list_of_substitutions(name)
        self.default_value = None if default_value is None else normalize_to_list_of_substitutions(default_value)

    def describe(self) -> str:
        return f"EnvVar({' + '.join(part.describe() for part in self.name)})"

    def perform(self, context: LaunchContext) -> str:
        name = perform_substitutions(context, self.name)
        if name in context.environment:
            return context.environment[name]
        if self.default_value is None:
            raise SubstitutionFailure(f"environment variable '{name}' does not exist")
        return perform_substitutions(context, self.default_value)


class PathJoinSubstitution(Substitution):
    """Path components, joined by the system's separator."""

    def __init__(self, substitutions: Iterable[str | Substitution]) -> None:
        self.substitutions = normalize_to_list_of_substitutions(substitutions)

    def describe(self) -> str:
        return f"PathJoin('{' + '.join(part.describe() for part in self.substitutions)}')"

    def perform(self, context: LaunchContext) -> str:
        return os.path.join(*(component.perform(context) for component in self.substitutions))


class PythonExpression(Substitution):
    """The text of an evaluated Python expression; `math` is at hand, other modules by `python_modules`."""

    def __init__(self, expression: SomeSubstitutionsType, python_modules: SomeSubstitutionsType = ("math",)) -> None:
        self.expression = normalize_to_list_of_substitutions(expression)
        self.python_modules = normalize_to_list_of_substitutions(python_modules)

    def describe(self) -> str:
        modules = ", ".join(part.describe() for part in self.python_modules)
        return f"PythonExpr({' + '.join(part.describe() for part in self.expression)}, [{modules}])"

    def perform(self, context: LaunchContext) -> str:
        names = [part.perform(context) for part in self.python_modules]
        scope: dict[str, Any] = {name: importlib.import_module(name) for name in names}
        if "math" in scope:
            scope.update({name: value for name, value in vars(math).items() if not name.startswith("_")})
        return str(eval(perform_substitutions(context, self.expression), {}, scope))
