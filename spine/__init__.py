"""What all pipelines share: contracts, errors, jobs, progress, ports and their adapters.

`spine` imports no sibling package; inside it only `services` imports `adapters`.
"""
