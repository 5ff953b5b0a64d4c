"""Parts of the genetic samplers."""
