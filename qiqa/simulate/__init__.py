"""Digital phantoms formed in k-space: the independent truth that measurements are judged by."""
