"""Settings that change over time."""
