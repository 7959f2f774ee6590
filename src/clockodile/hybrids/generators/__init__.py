"""Notebook 04: the ways to make pictures, one file each."""
