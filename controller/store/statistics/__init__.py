"""SQL of statistics: partitions, what hosts report, roll-ups, and reads of rates."""
