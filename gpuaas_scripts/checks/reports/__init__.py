"""The forms that a lint report can take. Each module turns a `Report` into text; none of them prints."""
