"""Reading what a snapshot is taken from: one module for each kind of source."""
