"""The pure heart of the controller: what may be intended, and what follows from it."""
