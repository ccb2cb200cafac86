"""Many scanners: their bias, its correction, and whether that worked."""
