"""One file a check, found by its name; each has CHECK and `look`.

What `look` takes depends on `CHECK.needs`:

- header: `look(facts: SeriesFacts, settings: Settings) -> Iterable[Observation]`
- kind, pixels: `look(stack: Stack, settings: Settings) -> Examined`
- set: `look(table: VetTable, settings: Settings) -> SetAnswer`

None raises for what is wrong with the data: it is said as an observation.
"""
