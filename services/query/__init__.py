"""HTTP for reads: every answer comes from read models that have taken in all that was acknowledged before."""
