"""Read and write still images."""
