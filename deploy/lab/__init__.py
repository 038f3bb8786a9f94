"""A lab of real Open vSwitch hosts on one machine, and the demo that proves the main job on it.

Each host is a network namespace with its own ovsdb-server and ovs-vswitchd, an underlay link and a
management link. What the lab makes here (namespaces, br-phy, addresses, foreign bridges) is the
stand-in for the machine room: none of it belongs to ovsfleet.
"""
