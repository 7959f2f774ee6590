"""Figures and widgets: one look."""
