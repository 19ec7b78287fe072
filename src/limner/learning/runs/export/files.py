"""Exported networks as files: written, and run by the programs that they are for."""

import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import torch
from torch import Tensor

from limner.foundation.errors import UserError
from limner.learning.runs.export.exportable import Exportable

OPSET = 17
"""Of ONNX: what runtimes since 2022 know."""
FACTS = "limner"
"""The metadata that says all limner knows of a network."""
Answer = Callable[[Sequence[Tensor]], Tensor]


def write_onnx(network: Exportable, path: Path) -> None:
    """Write a graph whose weights stand in the same file."""
    import onnx

    # The tracing exporter: the newer one of torch.export takes minutes for an EfficientNet.
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network.module, network.examples[0], str(path), dynamo=False, opset_version=OPSET,
            input_names=list(network.inputs), output_names=[network.output],
            dynamic_axes={name: dict(axes) for name, axes in network.dynamic.items()},
        )  # fmt: skip
    model = onnx.load(str(path))
    onnx.helper.set_model_props(model, dict(network.metadata))
    onnx.save(model, str(path))


def open_onnx(path: Path) -> tuple[Answer, dict[str, str]]:
    """What an ONNX file answers, by ONNX Runtime on as many threads as torch has, and its metadata.

    Raises `UserError` for a file that cannot be read.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3  # errors alone
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors are of classes of its own, below Exception alone
        raise UserError(f"{path}: ONNX Runtime cannot read it ({str(error).splitlines()[0][:160]})") from None
    names = [each.name for each in session.get_inputs()]

    def answer(inputs: Sequence[Tensor]) -> Tensor:
        given = {name: value.contiguous().numpy() for name, value in zip(names, inputs, strict=True)}
        return torch.from_numpy(session.run(None, given)[0])

    return answer, dict(session.get_modelmeta().custom_metadata_map)


def write_torch(network: Exportable, path: Path) -> None:
    """Write TorchScript, which ``torch.jit.load`` reads without limner; the metadata is in ``limner.json`` within.

    The same command gives the same bytes: nothing of who wrote it, and where, is in the file.
    """
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(network.module, network.examples[0], check_trace=False)
        first, saved = BytesIO(), BytesIO()  # torch.jit names an archive by its file, which is a temporary one
        torch.jit.save(traced, first)
        untraced = torch.jit.load(_without_call_stacks(first), map_location="cpu")
        torch.jit.save(untraced, saved, _extra_files={"limner.json": json.dumps(dict(network.metadata))})
    path.write_bytes(saved.getbuffer())


def _without_call_stacks(archive: BytesIO) -> BytesIO:
    """A TorchScript archive without its debug records, which hold the paths of the machine that traced it."""
    kept = BytesIO()
    with ZipFile(archive) as all_records, ZipFile(kept, "w") as some:
        for record in all_records.infolist():
            if not record.filename.endswith(".debug_pkl"):
                some.writestr(record, all_records.read(record))
    kept.seek(0)
    return kept


def open_torch(path: Path) -> tuple[Answer, dict[str, str]]:
    """What a TorchScript file answers, and its metadata."""
    extra = {"limner.json": ""}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = torch.jit.load(str(path), map_location="cpu", _extra_files=extra)

    @torch.inference_mode()
    def answer(inputs: Sequence[Tensor]) -> Tensor:
        found: Tensor = module(*inputs)
        return found

    metadata: dict[str, str] = json.loads(extra["limner.json"])
    return answer, metadata


WRITERS: Mapping[str, Callable[[Exportable, Path], None]] = {"onnx": write_onnx, "torch": write_torch}
READERS: Mapping[str, Callable[[Path], tuple[Answer, dict[str, Any]]]] = {"onnx": open_onnx, "torch": open_torch}
READ_BY = {"onnx": "ONNX Runtime", "torch": "TorchScript"}
