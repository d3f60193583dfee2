"""The types of the options of `LocalServer` that have the name of a flag of `llama-server`.

Source: https://github.com/ggml-org/llama.cpp/tree/master/tools/server
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypedDict

CacheWord = Literal["f32", "f16", "bf16", "q8_0", "q4_0", "q4_1", "iq4_nl", "q5_0", "q5_1"]
Switch = Literal["on", "off", "auto"]
File = str | Path


class ServerFlags(TypedDict, total=False):
    """Options of `LocalServer` that have the name of a flag of `llama-server`.

    `OPTIONS` says what each does.
    """

    ctx_size: int
    parallel: int
    embeddings: bool
    n_gpu_layers: int | Literal["auto", "all"]
    main_gpu: int
    split_mode: Literal["none", "layer", "row", "tensor"]
    tensor_split: Sequence[float]
    device: str
    override_tensor: str
    cpu_moe: bool
    n_cpu_moe: int
    moe_cache_mib: int
    n_cpu_ffn: int
    flash_attn: Switch | bool
    kv_offload: bool
    op_offload: bool
    load_mode: Literal["auto", "none", "mmap", "mlock", "mmap+mlock", "dio"]
    lazy_mode: Literal["auto", "on", "off"]
    check_tensors: bool
    repack: bool
    numa: Literal["distribute", "isolate", "numactl"]
    fit: Literal["on", "off"] | bool
    fit_ctx: int
    threads_batch: int
    threads_http: int
    batch_size: int
    ubatch_size: int
    kv_unified: bool
    kv_unified_per_slot: int
    swa_full: bool
    context_shift: bool
    keep: int
    cache_type_k: CacheWord
    cache_type_v: CacheWord
    cache_ram: int
    cache_reuse: int
    cache_prompt: bool
    cache_idle_slots: bool
    ctx_checkpoints: int
    checkpoint_min_step: int
    slot_prompt_similarity: float
    cont_batching: bool
    predict: int
    rope_scaling: Literal["none", "linear", "yarn"]
    rope_freq_base: float
    rope_freq_scale: float
    yarn_orig_ctx: int
    yarn_ext_factor: float
    yarn_attn_factor: float
    yarn_beta_slow: float
    yarn_beta_fast: float
    mmproj: File
    mmproj_offload: bool
    mmproj_device: str
    mtmd_batch_max_tokens: int
    video_fps: float
    video_timestamp_interval: int
    video_ffmpeg_dir: File
    image_min_tokens: int
    image_max_tokens: int
    lora: File | Sequence[File | tuple[File, float]] | Mapping[str, float]
    lora_init_without_apply: bool
    spec_type: str | Sequence[str]
    spec_draft_model: File
    spec_draft_n_max: int
    spec_draft_n_min: int
    spec_draft_p_min: float
    spec_draft_p_split: float
    spec_draft_sampling: Literal["greedy", "probabilistic"]
    spec_draft_backend_sampling: bool
    spec_draft_threads: int
    spec_draft_threads_batch: int
    spec_draft_device: str
    spec_draft_cpu_moe: bool
    spec_draft_n_cpu_moe: int
    spec_draft_ngl: int | Literal["auto", "all"]
    spec_draft_type_k: CacheWord
    spec_draft_type_v: CacheWord
    spec_ngram_mod_n_min: int
    spec_ngram_mod_n_max: int
    spec_ngram_mod_n_match: int
    spec_ngram_simple_size_n: int
    spec_ngram_simple_size_m: int
    spec_ngram_simple_min_hits: int
    spec_ngram_map_k_size_n: int
    spec_ngram_map_k_size_m: int
    spec_ngram_map_k_min_hits: int
    spec_ngram_map_k4v_size_n: int
    spec_ngram_map_k4v_size_m: int
    spec_ngram_map_k4v_min_hits: int
    jinja: bool
    chat_template: str
    chat_template_file: File
    chat_template_kwargs: Mapping[str, Any]
    reasoning: Switch | bool
    reasoning_effort: str
    reasoning_format: Literal["none", "auto", "deepseek", "deepseek-legacy"]
    reasoning_budget: int
    reasoning_budget_message: str
    reasoning_preserve: bool
    prefill_assistant: bool
    skip_chat_parsing: bool
    rerank: bool
    pooling: Literal["none", "mean", "cls", "last", "rank"]
    embd_normalize: int
    alias: str
    tags: str
    special: bool
    spm_infill: bool
    backend_sampling: bool
    metrics: bool
    props: bool
    slots: bool
    slot_save_path: File
    media_path: File
    timeout: int
    sse_ping_interval: int
    sleep_idle_seconds: int
    warmup: bool
    models_dir: File
    models_preset: File
    models_max: int
    models_autoload: bool
