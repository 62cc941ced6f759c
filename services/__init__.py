"""The five services of Earwitness, one folder each, and the console command over them.

A service is a thin door to the library: its configuration, its engine and its gRPC methods. No service imports another.
"""
