"""The walks from files to an answer, each readable in one screen."""
