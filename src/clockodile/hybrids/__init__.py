"""New images that look like both classes (notebook 04)."""
