"""The evaluator: asks every item of a benchmark in a setting, keeps every answer in a ledger, scores and reports."""
