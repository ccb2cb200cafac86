"""Image quality of one series without a reference: one file a family of metrics."""
