"""Beyond one machine: batches on Ray, an index on Qdrant, and how many machines a plan needs.

Several servers as one model need nothing of this: give `Llamafile`, `ChatLlamafile` or `LlamafileEmbeddings` a list of addresses.
"""

from typing import TYPE_CHECKING

from langchain_localllm._lazy import lazy_exports

if TYPE_CHECKING:
    from langchain_localllm.scale.plan import Measured as Measured
    from langchain_localllm.scale.plan import Need as Need
    from langchain_localllm.scale.plan import machines as machines
    from langchain_localllm.scale.plan import simulate as simulate
    from langchain_localllm.scale.ray_map import RayMap as RayMap
    from langchain_localllm.scale.ray_map import Summary as Summary

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "Measured": "langchain_localllm.scale.plan",
        "Need": "langchain_localllm.scale.plan",
        "RayMap": "langchain_localllm.scale.ray_map",
        "Summary": "langchain_localllm.scale.ray_map",
        "machines": "langchain_localllm.scale.plan",
        "simulate": "langchain_localllm.scale.plan",
    },
)
