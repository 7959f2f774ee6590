"""Which images look like both classes (notebook 03)."""
