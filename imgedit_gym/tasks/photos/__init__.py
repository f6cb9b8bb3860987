"""The world of photographs: hidden faults, abstract requests, exact answers."""
