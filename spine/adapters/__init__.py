"""The outside world behind the ports. Foreign errors are translated here; only `spine.services` imports these."""
