"""Open vSwitch's database: the only package that touches python-ovs.

One thread owns the replica (:mod:`agent.ovsdb.connection`); everything that leaves it is a frozen
value of :mod:`agent.observed`. Nothing here decides what should be: it reads what is, and writes
the operations that the planner chose.
"""
