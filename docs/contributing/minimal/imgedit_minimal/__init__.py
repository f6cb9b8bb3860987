"""One plug-in of each kind for imgedit-gym."""
