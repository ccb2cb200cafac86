"""May these series train a model: checks, one file each; policy; decisions."""
