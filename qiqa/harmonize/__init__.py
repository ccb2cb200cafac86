"""Values of many scanners made comparable: bias, calibration by phantoms, ComBat, diagnostics."""
