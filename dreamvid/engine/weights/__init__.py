"""Networks that ship inside the package, and class names."""
