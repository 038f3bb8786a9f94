"""What ovsfleet costs, as ratios against a floor and against peers in the same run.

The floor is the least that anybody can do: the same rows by raw JSON-RPC. Every figure is measured
beside its floor, minutes apart at most, because seconds alone tell more about the machine than
about the program. Nothing here is a test: nothing fails because a machine is slow.
"""
