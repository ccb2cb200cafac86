"""Watching a scanner over time: what changed, when, how sure, and how long until it matters.

`qiqa.drift.charting.chart` walks one series; each rule is a file in `qiqa.drift.rules`; what a rule
costs in false alarms and delay stands in `qiqa.drift.run_length`.
"""
