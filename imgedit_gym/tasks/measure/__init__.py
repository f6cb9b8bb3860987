"""Kernels of the pixel checklist: what a canvas shows, against what the renderer knows.

A canvas is explained cell by cell: as the background (the clean plate, under the tone or colour the whole picture
was given), as the source (an object still there), or as something new, which is then recognised against the stock
of sprites. Nothing here knows what a tool claims to have done.
"""
