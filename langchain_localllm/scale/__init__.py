"""Beyond one machine: batches on Ray, an index on Qdrant, and how many machines a plan needs.

Several servers as one model need nothing of this: give `Llamafile`, `ChatLlamafile` or
`LlamafileEmbeddings` a list of addresses.
"""

from typing import TYPE_CHECKING

from langchain_localllm._lazy import lazy_exports

if TYPE_CHECKING:
    from langchain_localllm.scale.plan import ActorThroughput as ActorThroughput
    from langchain_localllm.scale.plan import CapacityPlan as CapacityPlan
    from langchain_localllm.scale.plan import plan_capacity as plan_capacity
    from langchain_localllm.scale.plan import simulate as simulate
    from langchain_localllm.scale.ray_map import RayMap as RayMap
    from langchain_localllm.scale.ray_map import Summary as Summary

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "ActorThroughput": "langchain_localllm.scale.plan",
        "CapacityPlan": "langchain_localllm.scale.plan",
        "RayMap": "langchain_localllm.scale.ray_map",
        "Summary": "langchain_localllm.scale.ray_map",
        "plan_capacity": "langchain_localllm.scale.plan",
        "simulate": "langchain_localllm.scale.plan",
    },
)
