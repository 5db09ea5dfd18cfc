"""Where a launch description comes from."""

from __future__ import annotations

from .launch_context import LaunchContext
from .launch_description import LaunchDescription
from .substitution import SomeSubstitutionsType
from .utilities import normalize_to_list_of_substitutions, perform_substitutions


class LaunchDescriptionSource:
    """A launch file, by a path that may hold substitutions; it is loaded once."""

    def __init__(self, launch_file_path: SomeSubstitutionsType) -> None:
        self._location = normalize_to_list_of_substitutions(launch_file_path)
        self._description: LaunchDescription | None = None

    def _load(self, path: str) -> LaunchDescription:
        raise NotImplementedError

    def get_launch_description(self, context: LaunchContext) -> LaunchDescription:
        if self._description is None:
            self._description = self._load(perform_substitutions(context, self._location))
        return self._description

    def try_get_launch_description_without_context(self) -> LaunchDescription | None:
        """Load the file if its path is plain text or needs no argument, for listing its arguments."""
        if self._description is None:
            context = LaunchContext()
            try:
                path = perform_substitutions(context, self._location)
            except RuntimeError:
                return None
            self._description = self._load(path)
        return self._description
