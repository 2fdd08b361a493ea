"""Generative adversarial networks: the two networks, and how they train each other."""
