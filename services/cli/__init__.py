"""The one console command, `earwitness`, over the five services."""
