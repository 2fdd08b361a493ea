"""Convert between decoded frames and RGB arrays."""
