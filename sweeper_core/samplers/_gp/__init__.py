"""Parts of the Gaussian-process sampler."""
