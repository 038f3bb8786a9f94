"""``python -m controller.cli``: how the supervisor starts its own command without a search path."""

from controller.cli.app import main

main()
