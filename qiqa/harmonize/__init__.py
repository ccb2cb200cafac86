"""Values of many scanners made comparable: what differs by scanner alone is taken off.

`qiqa.harmonize.combat.fit` learns the shift and scale of every batch from a table of features,
`qiqa.harmonize.combat.apply` takes them off the same or other rows.
"""
