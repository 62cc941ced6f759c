"""The rules that prove answers: `registry` knows them by name, each other module holds those of one field."""
