"""Parts of the plots in Matplotlib."""
