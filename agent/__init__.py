"""The per-host daemon: makes the datapath of one host what the fleet intends it to be."""
