"""Write videos, animations and image sequences."""
