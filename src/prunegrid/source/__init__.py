"""Python files read as text, never imported: what they import, compute and declare. Imports only `errors`."""
