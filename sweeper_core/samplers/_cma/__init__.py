"""Parts of CMA-ES."""
