"""From selection to edits of the request and of its answer."""
