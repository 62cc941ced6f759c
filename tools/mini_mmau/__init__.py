"""Builds the bundled audio benchmarks `mini-mmau` and `mini-mmar` from recordings, synthetic voices and pure synthesis.

`clips` cuts and joins sound, `recordings`, `speech` and `melodies` supply it, `measure` listens to what was written,
`questions` asks, and `build` makes the files and refuses an answer that its own measurement does not give.
"""
