"""An agent is a command line with placeholders: a preset, or a saved block of the same name."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from blocks.agent_command import AgentCommand as AgentCommandBlock
from deployments.block_types import BLOCKS
from spine.agent_commands import check, fill
from spine.agent_secrets import secrets_in_environment
from spine.agents_port import AgentCommand, AgentLimits
from spine.errors import InvalidInputError
from tasks.card_execution.agents.attempt_task import agent_task
from tasks.card_execution.agents.presets import DEFAULT_AGENT, PRESETS
from tests.unit.card_execution.agent_scripts import Watched

VALUES = {"card_id": "c-1", "workdir": "/w", "prompt_file": "/p.md", "python": "/usr/bin/python3"}


class TestPlaceholders:
    @pytest.mark.parametrize(
        ("word", "filled"),
        [
            pytest.param("--file={prompt_file}", "--file=/p.md", id="within a word"),
            pytest.param("{card_id}-{card_id}", "c-1-c-1", id="twice"),
            pytest.param('{"json": {"a": 1}}', '{"json": {"a": 1}}', id="other braces stay"),
            pytest.param("a b; rm -rf $HOME", "a b; rm -rf $HOME", id="one argument stays one"),
        ],
    )
    def test_a_placeholder_is_replaced_within_its_argument(self, word: str, filled: str) -> None:
        assert fill(AgentCommand("a", ("agent", word)), VALUES).argv == ("agent", filled)

    def test_a_value_never_becomes_an_option_or_another_placeholder(self) -> None:
        command = AgentCommand("a", ("agent", "{card_id}"))
        with pytest.raises(InvalidInputError, match="option"):
            fill(command, {**VALUES, "card_id": "--yolo"})
        assert fill(command, {**VALUES, "card_id": "{workdir}"}).argv[1] == "{workdir}"

    @pytest.mark.parametrize(
        ("fields", "says"),
        [
            pytest.param({"argv": ()}, "no command", id="empty"),
            pytest.param({"argv": ("agent", "{title}")}, r"only \{prompt_file\}", id="an unknown placeholder"),
            pytest.param({"prompt_by": "file"}, "by file", id="a prompt file that is named nowhere"),
            pytest.param({"markers": ("(",)}, "no regular expression", id="a marker that is none"),
            pytest.param({"markers": ("done",)}, "finds nothing", id="a marker without a group"),
            pytest.param({"limits": AgentLimits(soft_seconds=9, hard_seconds=8)}, "soft_seconds", id="limits swapped"),
        ],
    )
    def test_a_template_that_can_never_run_is_refused_with_the_reason(self, fields: dict[str, Any], says: str) -> None:
        with pytest.raises(InvalidInputError, match=says):
            check(replace(AgentCommand("a", ("agent",)), **fields))


class TestPresets:
    @pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
    def test_each_preset_can_be_made_into_a_task(self, preset: AgentCommand, tmp_path: Path) -> None:
        check(preset)
        task = agent_task(preset, card_id="c-1", prompt="do", workdir=tmp_path, attempt_files=tmp_path / "job-1")
        assert not any("{" in word for word in task.command.argv)
        assert task.log_path == tmp_path / "job-1.log.gz"
        assert (task.prompt_file is not None) == (preset.prompt_by == "file")
        assert (task.reader is not None) == (preset.progress != "elapsed")

    def test_the_prompt_is_never_an_argument(self) -> None:
        """Arguments can be seen by every user of the machine, and end at 128 KB."""
        assert all(preset.prompt_by in ("stdin", "file") for preset in PRESETS.values())

    def test_the_default_needs_no_account(self) -> None:
        assert PRESETS[DEFAULT_AGENT].env_allow == ()

    async def test_a_prompt_by_file_is_written_where_the_command_looks_for_it(self, watched: Watched) -> None:
        reads = "import sys; print(open(sys.argv[1]).read(), repr(sys.stdin.read()))"
        command = AgentCommand("a", ("{python}", "-c", reads, "{prompt_file}"), prompt_by="file")
        files = watched.workdir.parent / "card" / "job-1"
        task = agent_task(command, card_id="c", prompt="väl", workdir=watched.workdir, attempt_files=files)
        ended = await watched.run(task)
        assert ended.last_lines == ("väl ''",)
        assert files.with_name("job-1.prompt.md").stat().st_mode & 0o077 == 0


class TestBlock:
    def test_a_block_says_everything_about_an_agent_and_shows_no_key(self) -> None:
        block = AgentCommandBlock(
            argv=["my-agent", "--card", "{card_id}"],
            progress="markers",
            markers=[r"(?P<percent>\d+)%"],
            env={"MODE": "fast"},
            secrets={"MY_KEY": SecretStr("sk-very-secret")},
            soft_seconds=60,
            hard_seconds=90,
            memory_mb=512,
            retry_on=[75, 3],
        )
        command = block.command("mine")
        assert (command.name, command.argv) == ("mine", ("my-agent", "--card", "{card_id}"))
        assert command.env == {"MODE": "fast", "MY_KEY": "sk-very-secret"}
        assert command.limits == AgentLimits(soft_seconds=60, hard_seconds=90, memory_bytes=512_000_000)
        assert command.retry_on == (75, 3)
        assert [secret.get_secret_value() for secret in block.hidden] == ["sk-very-secret"]
        for shown in (repr(block), str(block), block.model_dump_json(), repr(command)):
            assert "sk-very-secret" not in shown

    def test_a_block_that_could_never_run_is_not_saved(self) -> None:
        with pytest.raises(ValidationError, match=r"\{nonsense\}"):
            AgentCommandBlock(argv=["agent", "{nonsense}"])

    def test_the_block_is_registered_under_its_slug(self) -> None:
        assert AgentCommandBlock in BLOCKS
        assert AgentCommandBlock.get_block_type_slug() == "agent-command"


def test_the_python_of_a_template_is_the_one_that_runs_millrace(tmp_path: Path) -> None:
    task = agent_task(
        PRESETS["echo-agent"], card_id="c-1", prompt="", workdir=tmp_path, attempt_files=tmp_path / "job-1"
    )
    assert task.command.argv[0] == sys.executable


@pytest.mark.parametrize(
    ("name", "value", "hidden"),
    [
        ("OPENAI_API_KEY", "sk-0123456789", ["sk-0123456789"]),
        ("CLAUDE_CODE_OAUTH_TOKEN", "oat-0123456789", ["oat-0123456789"]),
        ("HTTPS_PROXY", "http://ana:a-password@proxy:8080", ["a-password"]),
        ("TOKENIZERS_PARALLELISM", "disabled", []),
        ("AIDER_TOKEN", "no", []),
        ("OPENAI_BASE_URL", "https://models.example/v1", []),
        ("NOT_ALLOWED_KEY", "sk-0123456789", []),
    ],
)
def test_secrets_in_an_agents_environment_are_told_by_the_names_of_variables(
    name: str, value: str, hidden: list[str]
) -> None:
    command = AgentCommand(name="a", argv=("a",), env_allow=("OPENAI_*", "CLAUDE_*", "*_PROXY", "TOKEN*", "AIDER_*"))
    found = secrets_in_environment(command, {name: value, "HOME": "/home/ana"})
    assert [one.get_secret_value() for one in found] == hidden
