"""The families of chat models, each with its format and what distinguishes it.

To add one, add it here and to the tests.
"""

from typing import Final

from langchain_localllm.prompts.formats import Format

_MISTRAL: Final = "https://github.com/mistralai/cookbook/blob/main/concept-deep-dive/tokenization/chat_templates.md"
_DEEPSEEK_BOS: Final = "<｜begin▁of▁sentence｜>"

_FORMATS: Final = (
    Format(
        "llama2",
        "https://github.com/meta-llama/llama/blob/main/llama/generation.py (`chat_completion`)",
        user="<s>[INST] {} [/INST]",
        assistant=" {} </s>",
        system="<<SYS>>\n{}\n<</SYS>>\n\n",
        place="first",
        bos="<s>",
        strips=True,
    ),
    Format(
        "llama3",
        "https://www.llama.com/docs/model-cards-and-prompt-formats/meta-llama-3/",
        user="<|start_header_id|>user<|end_header_id|>\n\n{}<|eot_id|>",
        assistant="<|start_header_id|>assistant<|end_header_id|>\n\n{}<|eot_id|>",
        answer="<|start_header_id|>assistant<|end_header_id|>\n\n",
        system="<|start_header_id|>system<|end_header_id|>\n\n{}<|eot_id|>",
        begin="<|begin_of_text|>",
        bos="<|begin_of_text|>",
        strips=True,
    ),
    Format(
        "mistral-v1",
        _MISTRAL,
        user=" [INST] {} [/INST]",
        assistant=" {}</s>",
        place="first",
        begin="<s>",
        bos="<s>",
    ),
    Format(
        "mistral-v3",
        _MISTRAL,
        user="[INST] {}[/INST]",
        assistant=" {}</s>",
        place="last",
        begin="<s>",
        bos="<s>",
    ),
    Format(
        "mistral-tekken",
        _MISTRAL,
        user="[INST]{}[/INST]",
        assistant="{}</s>",
        place="last",
        begin="<s>",
        bos="<s>",
    ),
    Format(
        "mistral-v7",
        "https://huggingface.co/mistralai/Mistral-Large-Instruct-2411#basic-instruct-template-v7",
        user="[INST] {}[/INST]",
        assistant=" {}</s>",
        system="[SYSTEM_PROMPT] {}[/SYSTEM_PROMPT]",
        begin="<s>",
        bos="<s>",
    ),
    Format(
        "mistral-v7-tekken",
        "https://huggingface.co/mistralai/Mistral-Small-3.1-24B-Instruct-2503#basic-instruct-template-v7-tekken",
        user="[INST]{}[/INST]",
        assistant="{}</s>",
        system="[SYSTEM_PROMPT]{}[/SYSTEM_PROMPT]",
        begin="<s>",
        bos="<s>",
    ),
    Format(
        "chatml",
        "https://qwen.readthedocs.io/en/latest/getting_started/concepts.html (`Control Tokens & "
        "Chat Template`)",
        user="<|im_start|>user\n{}<|im_end|>\n",
        assistant="<|im_start|>assistant\n{}<|im_end|>\n",
        answer="<|im_start|>assistant\n",
        system="<|im_start|>system\n{}<|im_end|>\n",
    ),
    Format(
        "gemma",
        "https://ai.google.dev/gemma/docs/core/prompt-structure",
        user="<start_of_turn>user\n{}<end_of_turn>\n",
        assistant="<start_of_turn>model\n{}<end_of_turn>\n",
        answer="<start_of_turn>model\n",
        place="first",
        begin="<bos>",
        bos="<bos>",
        strips=True,
    ),
    Format(
        "phi3",
        "https://huggingface.co/microsoft/Phi-3.5-mini-instruct#input-formats",
        user="<|user|>\n{}<|end|>\n",
        assistant="<|assistant|>\n{}<|end|>\n",
        answer="<|assistant|>\n",
        system="<|system|>\n{}<|end|>\n",
    ),
    Format(
        "phi4",
        "https://huggingface.co/microsoft/phi-4#input-formats",
        user="<|im_start|>user<|im_sep|>{}<|im_end|>",
        assistant="<|im_start|>assistant<|im_sep|>{}<|im_end|>",
        answer="<|im_start|>assistant<|im_sep|>",
        system="<|im_start|>system<|im_sep|>{}<|im_end|>",
    ),
    Format(
        "zephyr",
        "https://huggingface.co/HuggingFaceH4/zephyr-7b-beta#intended-uses--limitations",
        user="<|user|>\n{}</s>\n",
        assistant="<|assistant|>\n{}</s>\n",
        answer="<|assistant|>\n",
        system="<|system|>\n{}</s>\n",
    ),
    Format(
        "vicuna",
        "https://github.com/lm-sys/FastChat/blob/main/fastchat/conversation.py (`vicuna_v1.1`)",
        user="USER: {} ",
        assistant="ASSISTANT: {}</s>",
        answer="ASSISTANT:",
        system="{} ",
        default_system=(
            "A chat between a curious user and an artificial intelligence assistant. "
            "The assistant gives helpful, detailed, and polite answers to the user's questions."
        ),
    ),
    Format(
        "alpaca",
        "https://github.com/tatsu-lab/stanford_alpaca/blob/main/train.py (`PROMPT_DICT`)",
        user="### Instruction:\n{}\n\n",
        assistant="### Response:{}\n\n",
        answer="### Response:",
        default_system=(
            "Below is an instruction that describes a task. Write a response that appropriately "
            "completes the request."
        ),
    ),
    Format(
        "deepseek-coder",
        "https://github.com/deepseek-ai/DeepSeek-Coder#3-chat-model-inference",
        user="### Instruction:\n{}\n",
        assistant="### Response:\n{}\n<|EOT|>\n",
        answer="### Response:\n",
        system="{}",
    ),
    Format(
        "deepseek-v2",
        "https://github.com/deepseek-ai/DeepSeek-V2#inference-with-huggingfaces-transformers",
        user="User: {}\n\n",
        assistant="Assistant: {}<｜end▁of▁sentence｜>",
        answer="Assistant:",
        begin=_DEEPSEEK_BOS,
        bos=_DEEPSEEK_BOS,
    ),
    Format(
        "deepseek-v3",
        "https://huggingface.co/deepseek-ai/DeepSeek-V3/blob/main/tokenizer_config.json",
        user="<｜User｜>{}",
        assistant="<｜Assistant｜>{}<｜end▁of▁sentence｜>",
        answer="<｜Assistant｜>",
        system="{}",
        begin=_DEEPSEEK_BOS,
        bos=_DEEPSEEK_BOS,
    ),
    Format(
        "command-r",
        "https://docs.cohere.com/docs/prompting-command-r",
        user="<|START_OF_TURN_TOKEN|><|USER_TOKEN|>{}<|END_OF_TURN_TOKEN|>",
        assistant="<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>{}<|END_OF_TURN_TOKEN|>",
        answer="<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>",
        system="<|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>{}<|END_OF_TURN_TOKEN|>",
        begin="<BOS_TOKEN>",
        bos="<BOS_TOKEN>",
        strips=True,
    ),
    Format(
        "gpt-oss",
        "https://cookbook.openai.com/articles/openai-harmony",
        user="<|start|>user<|message|>{}<|end|>",
        assistant="<|start|>assistant<|channel|>final<|message|>{}<|end|>",
        answer="<|start|>assistant",
        system="<|start|>developer<|message|># Instructions\n\n{}\n\n<|end|>",
        begin=(
            "<|start|>system<|message|>You are ChatGPT, a large language model trained by "
            "OpenAI.\nKnowledge cutoff: 2024-06\n\n"
            "Reasoning: medium\n\n"
            "# Valid channels: analysis, commentary, final. Channel must be included for every "
            "message.<|end|>"
        ),
    ),
)

FAMILIES: Final = {form.name: form for form in _FORMATS}
"""The formats by family. `mistral` and `deepseek` are distinguished further, since their tokens
differ."""
