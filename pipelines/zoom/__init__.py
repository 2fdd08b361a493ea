"""Zoom trips."""
