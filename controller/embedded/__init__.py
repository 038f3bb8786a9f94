"""The default PostgreSQL: one private server in the data folder, so that one command is enough.

Owns ``<data_dir>/postgres`` and the processes that run in it; the supervisor owns when they start.
It listens on a Unix socket only, is never reached without peer authentication, makes no account on
the machine and loosens no permission of a folder that it did not make.
"""

from controller.embedded.cluster import Cluster, make_data_dir, socket_url
from controller.embedded.errors import EmbeddedPostgresError
from controller.embedded.launch import Launch, die_with_parent
from controller.embedded.leftovers import end_leftovers
from controller.embedded.server import START_DEADLINE_S, running

__all__ = [
    "START_DEADLINE_S",
    "Cluster",
    "EmbeddedPostgresError",
    "Launch",
    "die_with_parent",
    "end_leftovers",
    "make_data_dir",
    "running",
    "socket_url",
]
