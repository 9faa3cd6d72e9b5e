"""Adapters to heavy libraries, one file each; the library is imported on use, with the install line in the error."""
