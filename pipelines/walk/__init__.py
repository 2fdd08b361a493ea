"""Latent walks: ways through the pictures of a generator, as films."""
