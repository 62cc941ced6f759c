"""A sweep: many runs from one file, in an order that loads each model once, with their cost known beforehand.

`axes` says what is in the file, `read` reads it, `cells` multiplies its axes into runs, `estimate` says what they take,
`execute` runs them, `folder` keeps what came of them, and `board` and `outlook` show it.
"""
