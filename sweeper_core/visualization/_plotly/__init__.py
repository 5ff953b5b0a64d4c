"""Parts of the plots in Plotly."""
