"""Many scanners: bias against references, calibration by phantoms, ComBat and diagnostics."""
