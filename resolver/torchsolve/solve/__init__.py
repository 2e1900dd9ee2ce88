"""From constraints to a plan: problem, engines, cells, conflicts."""
