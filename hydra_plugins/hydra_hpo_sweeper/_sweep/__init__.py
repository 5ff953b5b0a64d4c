"""The sweep: loop, stop rules, results, progress."""
