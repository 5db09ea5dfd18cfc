"""The `main` of every command: parameters from the command line, the work, and bad input refused in one line.

def main() -> None:
    run_command("verify", verify_all, VerifyConfig, about=__doc__, refused=(RecordingError,))
"""

import argparse
import sys
from collections.abc import Callable
from typing import Final

from aloe_data.config import ConfigError, add_arguments, from_arguments

INTERRUPTED: Final = 130  # exit code of a command that was ended with Ctrl-C, as shells have it: 128 + SIGINT


def run_command(
    name: str,
    run: Callable[..., int | None],
    *configs: type,
    about: str | None,
    refused: tuple[type[Exception], ...] = (),
) -> None:
    """Parse the command line and run the command; end the process here unless its exit code is 0.

    Args:
        name: Name of the command, as `ros2 run PACKAGE NAME` has it.
        run: Function that does the work. It is called with one instance of each of the `configs`, in their order, and
            returns the exit code; None: 0.
        configs: Configuration dataclasses that declare the parameters, see `aloe_data.config`.
        about: Text for `--help`, such as the docstring of the module.
        refused: Types of the errors whose cause the user can mend: their message is printed in one line, and the exit
            code is 1. ConfigError is among them in any case; all other errors end with a traceback.

    Raises:
        SystemExit: With an exit code other than 0; INTERRUPTED where the user pressed Ctrl-C and `run` let it pass.
    """
    parser = argparse.ArgumentParser(prog=name, description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    for config in configs:
        add_arguments(parser, config)
    arguments = parser.parse_args()
    mendable: tuple[type[Exception], ...] = (ConfigError, *refused)
    try:
        status = run(*(from_arguments(config, arguments) for config in configs))
    except mendable as error:
        sys.exit(f"{name}: {error}")
    except KeyboardInterrupt:
        print(f"{name}: interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)
    if status:
        sys.exit(status)
