"""What a sweep does before its first trial: directory, study, checks, first points, dry run."""
