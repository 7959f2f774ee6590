"""What notebook 02 does besides with the data of one recipe: a module each, whose `show(run)` displays it."""
