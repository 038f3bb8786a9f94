"""The fleet controller: intent in over REST, desired state out to the agents over gRPC."""
