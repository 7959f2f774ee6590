"""Knows nobody: errors, recipes, run folders, the store, results, statistics."""
