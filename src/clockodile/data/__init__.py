"""Images: where they come from, what is wrong with them, how they are split and varied (notebook 01)."""
