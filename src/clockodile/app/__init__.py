"""Command line, headless runs, report."""
