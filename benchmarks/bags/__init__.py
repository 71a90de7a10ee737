"""Text to counts, measured beside the peers."""
