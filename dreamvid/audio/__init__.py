"""Music: analysis into signals, and tracks that fit a length."""
