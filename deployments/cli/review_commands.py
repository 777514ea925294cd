"""Commands for work: submit a link, watch a job, retry it, read its log, see what ran."""

from __future__ import annotations

import sys
from json import dumps
from pathlib import Path
from typing import Annotated, Any

import typer

from deployments.cli.application import print_json
from deployments.cli.showing import line_of, show_until_end
from deployments.cli.tables import print_table

Json = Annotated[bool, typer.Option("--json", help="For machines.")]
JobId = Annotated[str, typer.Argument(help="A job id (job_…), or a submission id (sub_…) for its latest job.")]


def register(app: typer.Typer) -> None:
    for command in (submit, batch, watch, retry, cancel, jobs, logs, workers):
        app.command()(command)


def submit(
    urls: Annotated[list[str], typer.Argument(help="The product page, then any other links about the book.")],
    goodreads: Annotated[str | None, typer.Option(help="The book's page on a reading community.")] = None,
    author_site: Annotated[str | None, typer.Option(help="The author's own page.")] = None,
    language: Annotated[str, typer.Option(help="Language of the article, e.g. en, de, pt-BR.")] = "en",
    min_words: Annotated[int, typer.Option(help="The article has at least this many words.")] = 600,
    max_words: Annotated[int, typer.Option(help="The article has at most this many words.")] = 1200,
    auto_publish: Annotated[bool, typer.Option(help="Publish without a person's approval.")] = False,
    watch_it: Annotated[bool, typer.Option("--watch", help="Stay and show the progress until it ends.")] = False,
    json: Json = False,
) -> None:
    """Submit a book for review."""
    from deployments.gateway_client import gateway

    body = {
        "amazon_url": urls[0],
        "goodreads_url": goodreads,
        "author_site": author_site,
        "other_links": urls[1:],
        "language": language,
        "min_words": min_words,
        "max_words": max_words,
        "auto_publish": auto_publish,
    }
    with gateway() as client:
        accepted = client.post("/submit", json=body).json()
        if watch_it:
            show_until_end(client, accepted["job_id"], json)
        elif json:
            print_json(accepted)
        else:
            print(f"Accepted as {accepted['submission_id']}; follow it with: millrace watch {accepted['job_id']}")


def batch(
    file: Annotated[Path, typer.Argument(help="A CSV table (columns amazon_url, language, …) or a JSON list.")],
    key: Annotated[str | None, typer.Option(help="Sent again with the same key, it stays one batch.")] = None,
    watch_it: Annotated[bool, typer.Option("--watch", help="Stay and show the progress until it ends.")] = False,
    json: Json = False,
) -> None:
    """Submit up to 1,000 books at once; rows that do not fit are told and left out."""
    from deployments.gateway_client import gateway

    kind = "application/json" if file.suffix.lower() == ".json" else "text/csv"
    headers = {"Content-Type": kind} | ({"Idempotency-Key": key} if key else {})
    with gateway() as client:
        accepted = client.post("/submissions/batch", content=file.read_bytes(), headers=headers).json()
        for error in accepted["refused"]:
            print(f"row {error['row']} was left out: {error['field']}: {error['message']}", file=sys.stderr)
        if watch_it:
            show_until_end(client, accepted["job_id"], json)
        elif json:
            print_json(accepted)
        else:
            rows = f"{accepted['accepted']} books as {accepted['batch_id']}"
            print(f"Accepted {rows}; follow it with: millrace watch {accepted['job_id']}")


def watch(job: JobId, json: Json = False) -> None:
    """Show a job's progress until it ends; survives restarts of the gateway. Exits 1 unless it succeeded."""
    from deployments.gateway_client import gateway

    with gateway() as client:
        show_until_end(client, _job_id(client, job), json)


def retry(
    job: JobId,
    from_stage: Annotated[str | None, typer.Option("--from", help="Run this stage and those after it again.")] = None,
    fresh: Annotated[bool, typer.Option(help="Use nothing from the cache.")] = False,
    json: Json = False,
) -> None:
    """Run a submission again: what is finished comes from the cache, unless --fresh or --from says otherwise."""
    from deployments.gateway_client import gateway

    with gateway() as client:
        subject = job if job.startswith("sub_") else client.get(f"/api/jobs/{job}").json()["subject_id"]
        if from_stage:
            accepted = client.post(f"/tasks/{subject}/retry_step", json={"stage": from_stage}).json()
        else:
            accepted = client.post(f"/tasks/{subject}/retry", json={"fresh": fresh}).json()
    if json:
        print_json(accepted)
    else:
        print(f"Started {accepted['job_id']}; follow it with: millrace watch {accepted['job_id']}")


def cancel(job: JobId, json: Json = False) -> None:
    """Stop a job; a running one ends within ten seconds."""
    from deployments.gateway_client import gateway

    with gateway() as client:
        state = client.post(f"/api/jobs/{_job_id(client, job)}/cancel").json()
    if json:
        print_json(state)
    else:
        print(f"{state['job_id']} is {state['status']}{', it was asked to stop' if state['cancel_requested'] else ''}.")


def jobs(
    pipeline: Annotated[str | None, typer.Option(help="Only jobs of this pipeline.")] = None,
    status: Annotated[str | None, typer.Option(help="Only jobs in this status.")] = None,
    limit: Annotated[int, typer.Option(help="How many, newest first.")] = 20,
    json: Json = False,
) -> None:
    """List what ran and what runs."""
    from deployments.gateway_client import gateway

    asked = {"pipeline": pipeline, "status": status, "limit": limit}
    with gateway() as client:
        found = client.get(
            "/api/jobs", params={name: value for name, value in asked.items() if value not in (None, "")}
        ).json()
    if json:
        print_json(found)
    else:
        columns = ("job_id", "pipeline", "status", "progress", "current_step", "subject_id")
        print_table(columns, [[str(job.get(name) or "") for name in columns] for job in found["items"]])


def logs(
    job: JobId,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Stay until the job ends.")] = False,
    json: Json = False,
) -> None:
    """Print a job's log as it is kept (24 hours)."""
    from deployments.gateway_client import follow_job, gateway

    with gateway() as client:
        job_id, since = _job_id(client, job), 0
        if follow:
            for event in follow_job(client, job_id):
                print(dumps(event) if json else line_of(event), flush=True)
            return
        kept: list[dict[str, Any]] = []
        while page := client.get(f"/api/jobs/{job_id}/events", params={"since": since}).json()["items"]:
            kept += page
            since = page[-1]["seq"]
    if json:
        print_json(kept)
        return
    for event in kept:
        print(line_of(event))


def workers(json: Json = False) -> None:
    """Show lanes and Prefect workers, and what each runs now."""
    from deployments.gateway_client import gateway

    with gateway() as client:
        health = client.get("/health").json()
    if json:
        print_json({"lanes": health["lanes"], "workers": health["workers"]})
        return
    print_table(
        ("lane", "state", "running", "queues", "jobs"),
        [
            [
                lane["name"],
                lane["state"],
                f"{lane['running']}/{lane['concurrency']}",
                ", ".join(lane["queues"]),
                ", ".join(lane["jobs"]),
            ]
            for lane in health["lanes"]
        ],
    )
    print_table(("worker", "status", "pool"), [[one["name"], one["status"], one["pool"]] for one in health["workers"]])


def _job_id(client: Any, given: str) -> str:
    return client.get(f"/submissions/{given}").json()["job_id"] if given.startswith("sub_") else given
