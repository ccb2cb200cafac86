"""What checks of all series together share: groups, fences, counts of persons."""
