"""Models and their servers, as planners and judges use them: loading, asking, waiting, limits."""
