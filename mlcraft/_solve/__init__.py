"""What stands behind `mlcraft.solve`: the table of what goes together, the choice of a solver, doors to engines."""
