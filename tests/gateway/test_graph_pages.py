"""The pages of graphs: the picture as it is declared, and a job's way through it."""

from __future__ import annotations

import httpx

from gateway.pages.graph_drawing import drawing_of
from tests.gateway.furnishing import add_graph_job, declared
from tests.gateway.gateway_desk import open_desk


def test_each_module_stands_right_of_all_that_lead_to_it_and_ways_back_are_told_apart() -> None:
    drawing = drawing_of(declared().get("question"))
    places = {node.name: (node.x, node.y) for node in drawing.nodes}
    assert places["validate"][0] < places["history"][0] == places["facts"][0] < places["answer"][0]
    assert len(set(places.values())) == len(places), "no two stand in one place"
    assert all(x < drawing.width and y < drawing.height for x, y in places.values())
    assert [(way.origin, way.target) for way in drawing.ways if way.back] == [("answer", "validate")]
    assert [node.name for node in drawing.nodes if node.start] == ["validate"]


async def test_the_list_says_what_is_wrong_with_a_graph() -> None:
    desk = await open_desk(graphs=declared())
    async with desk.client() as client:
        text = (await client.get("/graphs")).text
    assert 'href="/graph/question"' in text and "is a cycle" in text and 'href="/graph/broken"' not in text


async def test_a_graph_shows_its_modules_conditions_and_latest_jobs() -> None:
    desk = await open_desk(graphs=declared())
    [path, of_job] = await add_graph_job(desk)
    async with desk.client() as client:
        text = (await client.get(path)).text
        assert text.count('class="node') == 4 and "answerable == true" in text and f'href="{of_job}"' in text
        assert (await client.get("/graph/nothing")).status_code == 404


async def test_a_job_colours_each_module_by_its_state_with_its_time() -> None:
    desk = await open_desk(graphs=declared())
    [_, of_job] = await add_graph_job(desk)
    async with desk.client() as client:
        text = (await client.get(of_job)).text
        run = (await client.get(f"/run/{of_job.rpartition('=')[2]}")).text
    for expected in ('class="node good start"', 'class="node busy"', 'class="node bad"', "2.0 s", "gave no answer"):
        assert expected in text, expected
    assert f'href="{of_job}"' in run, "a run leads to its picture"


async def test_a_job_of_another_pipeline_is_none_of_a_graph(client: httpx.AsyncClient) -> None:
    assert (await client.get("/graph/question", params={"job": "job_nobody"})).status_code == 404
