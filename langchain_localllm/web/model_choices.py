"""List the models on this machine that the page offers, each with what `fit` says of it."""

from typing import Any

from langchain_localllm.errors import LocalLLMError
from langchain_localllm.manage.fit import fit, verdict
from langchain_localllm.manage.inventory import ListedModel, installed
from langchain_localllm.manage.resolve import resolve


def model_choices(
    chat: ListedModel, embeddings: ListedModel, *, allow_remote: bool
) -> dict[str, list[dict[str, Any]]]:
    """Return the models that can answer (`chat`) and embed (`embeddings`).

    The ones in use come first.

    Args:
        chat: The chat model in use.
        embeddings: The embedding model in use.
        allow_remote: Whether models that run on other machines are offered.
    """
    usable = [
        model
        for model in installed()
        if not model.ranks and (allow_remote or model.on_this_machine)
    ]
    kinds = {
        "chat": (
            chat,
            [model for model in usable if not model.embeddings and model.chat is not False],
        ),
        "embeddings": (embeddings, [model for model in usable if _may_embed(model)]),
    }
    found = {}
    for kind, (current, models) in kinds.items():
        by_reference = {model.reference: model for model in (current, *models)}
        found[kind] = [
            _choice(model, is_current=key == current.reference)
            for key, model in by_reference.items()
        ]
    return found


def _may_embed(model: ListedModel) -> bool:
    return bool(model.embeddings) or (
        model.embeddings is None and "embed" in model.place.lower() + model.short_name.lower()
    )


def _choice(model: ListedModel, *, is_current: bool) -> dict[str, Any]:
    fits, about = _verdict(model)
    return {
        "reference": model.reference,
        "name": model.short_name,
        "place": model.place,
        "size": model.size,
        "quantization": model.quantization,
        "fits": fits,
        "verdict": about,
        "current": is_current,
    }


def _verdict(model: ListedModel) -> tuple[bool | None, str]:
    """Return whether a model fits this machine, or `None` if that is unknown, and a sentence."""
    if model.problem:
        return False, model.problem
    if model.address:
        return True, "It runs on its server."
    try:
        file = model if model.path else resolve(model.reference, file=True)
        found = fit(str(file.path), measure=False)
    except (LocalLLMError, ImportError):
        return None, ""
    if model.runtime == "ollama" and not found.largest_context:
        return None, ""  # it uses GPUs that are not known here
    return bool(found.largest_context), verdict(found)
