"""A dream in parts that depend only on input and settings, so that any number of workers give the same frames."""
