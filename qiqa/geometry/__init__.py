"""Planes, circles, edges and areas: what locating, measuring and drawing share."""
