"""Everything between the agent and its controller: the stream, its identity, and the codec."""
