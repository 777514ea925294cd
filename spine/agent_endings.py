"""Why an attempt ended, in words."""

from __future__ import annotations

from spine.agents_port import AgentLimits


def explained(reason: str, limits: AgentLimits) -> str:
    """One sentence for a person about an end that was not the agent's own choice."""
    return {
        "soft-limit": f"It did not end within {limits.soft_seconds:g} s and was asked to end.",
        "hard-limit": f"It did not end within {limits.hard_seconds:g} s and was killed.",
        "cancelled": "It was asked to end from outside.",
        "output-limit": f"It wrote more than {limits.output_bytes:,} bytes of output and was ended.",
        "memory": f"It used more than {limits.memory_bytes or 0:,} bytes of memory.",
        "cpu": f"It used more than {limits.cpu_seconds or 0:,} s of processor time.",
        "file-size": f"It tried to write a file larger than {limits.file_bytes or 0:,} bytes.",
        "lost": "The process that kept it was killed; whatever was left of it has been ended.",
    }.get(reason, "")
