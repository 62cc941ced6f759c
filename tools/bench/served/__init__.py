"""What serving costs: the services behind Ray Serve beside the same engines without any service."""
