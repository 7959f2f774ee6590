"""Classifiers and how they are trained and judged (notebook 02)."""
