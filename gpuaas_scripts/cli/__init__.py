"""The command line: one module a verb, a thin layer over the library. The only code that prints or exits."""
