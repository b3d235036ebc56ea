"""What tests, benchmarks and docs share: a server and a browser, a small data set, pictures."""
