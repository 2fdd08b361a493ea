"""Analysis of music."""
