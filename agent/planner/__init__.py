"""The agent's decisions: a pure function from what shall be and what is to the steps between.

Nothing here touches the system, waits, or remembers: time, order of rows and earlier plans have no
influence (what follows from a fragment alone is kept as long as that is). Whatever goes wrong while
a plan runs, the next plan starts from what is then.
"""

from agent.planner.assembly import make_plan
from agent.planner.bridge_ports import still_enslaved
from agent.planner.lost_ends import lost_ends, still_lost
from agent.planner.plan import Plan, Stage
from agent.planner.releases import owed_releases, still_released
from agent.planner.removal import here, still_owed

__all__ = [
    "Plan",
    "Stage",
    "here",
    "lost_ends",
    "make_plan",
    "owed_releases",
    "still_enslaved",
    "still_lost",
    "still_owed",
    "still_released",
]
