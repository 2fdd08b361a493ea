"""Read videos, animations and image sequences."""
