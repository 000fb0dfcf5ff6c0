"""The neutral request and the text signals read in it."""
