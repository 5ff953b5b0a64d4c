"""What a sweep shows while it runs: lines, live view, MLflow."""
