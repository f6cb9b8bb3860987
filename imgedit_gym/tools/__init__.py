"""Tools: from canvas, region and plan step to an edited canvas. A tool is one file and one line of registration."""
