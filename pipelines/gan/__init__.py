"""Generative adversarial networks: training one on the user's pictures."""
