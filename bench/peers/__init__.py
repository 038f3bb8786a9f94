"""Other ways to bring the same rows into Open vSwitch."""
