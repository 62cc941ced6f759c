"""The sources of mini-akb, the bundled text benchmark about sound, and the builder that checks them and writes it."""
