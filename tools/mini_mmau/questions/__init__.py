"""The questions, each with its clip and with what a measurement of it must give: one module for each kind of sound."""
