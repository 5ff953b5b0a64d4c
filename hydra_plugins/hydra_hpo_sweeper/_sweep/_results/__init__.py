"""What a sweep leaves behind: files, report, closing lines."""
