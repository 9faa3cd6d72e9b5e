"""Task groups: whole ways of a model in a few readable lines."""
