"""The console script ``ovsfleet-controller``: the composition root of every controller process.

Nothing heavy is imported before a command needs it, so that ``--help`` answers at once.
"""

from controller.cli.app import main

__all__ = ["main"]
