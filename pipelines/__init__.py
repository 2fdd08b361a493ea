"""Pipelines: a Preset in, finished pictures and videos out."""
