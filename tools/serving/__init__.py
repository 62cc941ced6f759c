"""Model services as processes of their own, for benchmarks and trials."""
