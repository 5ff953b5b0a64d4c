"""What users' own samplers and storages can be tested with: conformance suites, simulated studies, real servers."""
