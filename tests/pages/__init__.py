"""A package, so that its fixtures end with its tests: a browser keeps an event loop in the thread."""
