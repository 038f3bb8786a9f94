"""The wire package: what controller and agent share, and nothing else."""
