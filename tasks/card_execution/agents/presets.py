"""How common coding agents are called without a person at the keyboard; sources and dates in docs/agents.md."""

from __future__ import annotations

from spine.agents_port import AgentCommand

DEFAULT_AGENT = "echo-agent"
"""Needs no account: everything can be tried with it."""

_NETWORK = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "NODE_EXTRA_CA_CERTS")

_PRESETS = (
    AgentCommand(
        name="echo-agent",
        argv=("{python}", "-P", "-m", "tasks.card_execution.echo_agent"),
        progress="json-lines",
    ),
    AgentCommand(
        name="claude-code",
        argv=("claude", "-p", "--output-format", "stream-json", "--verbose", "--permission-mode", "acceptEdits"),
        env_allow=(
            *_NETWORK,
            "ANTHROPIC_API_KEY",
            "ANTHROPIC_BASE_URL",
            "CLAUDE_CODE_OAUTH_TOKEN",
            "CLAUDE_CONFIG_DIR",
        ),
        progress="json-lines",
        events="claude",
    ),
    AgentCommand(
        name="codex",
        argv=("codex", "exec", "--json", "--sandbox", "workspace-write", "--skip-git-repo-check", "-"),
        env_allow=(*_NETWORK, "OPENAI_API_KEY", "OPENAI_BASE_URL", "CODEX_API_KEY", "CODEX_HOME"),
        progress="json-lines",
        events="codex",
    ),
    AgentCommand(
        name="gemini-cli",
        argv=("gemini", "--output-format", "stream-json", "--approval-mode", "auto_edit"),
        env_allow=(*_NETWORK, "GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_CLOUD_PROJECT"),
        progress="json-lines",
        events="gemini",
    ),
    AgentCommand(
        name="opencode",
        argv=("opencode", "run", "--format", "json"),
        env_allow=(*_NETWORK, "OPENCODE_*", "OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "GROQ_API_KEY"),
        progress="json-lines",
        events="opencode",
    ),
    AgentCommand(
        name="aider",
        argv=("aider", "--message-file", "{prompt_file}", "--yes-always", "--no-stream", "--no-pretty"),
        env_allow=(*_NETWORK, "AIDER_*", "OPENAI_API_KEY", "OPENAI_BASE_URL", "ANTHROPIC_API_KEY", "GEMINI_API_KEY"),
        prompt_by="file",
    ),
)

PRESETS = {preset.name: preset for preset in _PRESETS}
"""By name. A saved `Agent Command` block of the same name wins over a preset."""
