"""Text in pixels, found by its strokes: nothing is read."""
