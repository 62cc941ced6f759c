"""The sources of open-akb and of mini-akb, a fourth of it, and the builder that checks and writes both."""
