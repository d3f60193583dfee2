"""Chat templates of each family, written down from what their makers publish with the models
(`tokenizer_config.json`)."""

from dataclasses import dataclass
from typing import Final

_ALTERNATE: Final = (
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ "
    "raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% "
    "endif %}"
)
_SYSTEM_APART: Final = (
    "{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}"
    "{% set system_message = messages[0]['content'] %}"
    "{% else %}{% set loop_messages = messages %}{% set system_message = false %}{% endif %}"
)


@dataclass(frozen=True)
class Published:
    """A template, its special tokens, the model that has it, and the family it is of."""

    family: str
    model: str
    source: str
    bos: str = ""
    eos: str = ""


PUBLISHED: Final = [
    Published(
        "llama2",
        "meta-llama/Llama-2-7b-chat-hf",
        _SYSTEM_APART
        + "{% for message in loop_messages %}"
        + _ALTERNATE
        + "{% if loop.index0 == 0 and system_message != false %}"
        r"{% set content = '<<SYS>>\n' + system_message + '\n<</SYS>>\n\n' + message['content'] %}"
        "{% else %}{% set content = message['content'] %}{% endif %}"
        "{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' + content.strip() + ' "
        "[/INST]' }}"
        "{% elif message['role'] == 'assistant' %}{{ ' ' + content.strip() + ' ' + eos_token }}{% "
        "endif %}{% endfor %}",
        "<s>",
        "</s>",
    ),
    Published(
        "llama3",
        "meta-llama/Meta-Llama-3-8B-Instruct",
        "{% set loop_messages = messages %}{% for message in loop_messages %}{% set content = "
        "'<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' + message['content'] | "
        "trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% "
        "endif %}{{ content }}{% endfor %}{% if add_generation_prompt %}{{ "
        "'<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}",
        "<|begin_of_text|>",
        "<|eot_id|>",
    ),
    Published(
        "mistral-v1",
        "mistralai/Mistral-7B-Instruct-v0.2",
        _SYSTEM_APART.replace("false", "none")
        + "{{- bos_token }}{%- for message in loop_messages %}"
        "{%- if message['role'] == 'user' %}"
        "{%- if loop.first and system_message is not none %}"
        r"{{- ' [INST] ' + system_message + '\n\n' + message['content'] + ' [/INST]' }}"
        "{%- else %}{{- ' [INST] ' + message['content'] + ' [/INST]' }}{%- endif %}"
        "{%- elif message['role'] == 'assistant' %}{{- ' ' + message['content'] + eos_token}}"
        "{%- else %}{{- raise_exception('Only user and assistant roles are supported!') }}{%- "
        "endif %}{%- endfor %}",
        "<s>",
        "</s>",
    ),
    Published(
        "mistral-v3",
        "mistralai/Mistral-7B-Instruct-v0.3",
        _SYSTEM_APART.replace("false", "none")
        + '{{- bos_token }}{%- for message in loop_messages %}{%- if message["role"] == "user" %}'
        "{%- if tools is defined and tools is not none and loop.last %}"
        '{{- "[AVAILABLE_TOOLS] [" + tools|tojson + "][/AVAILABLE_TOOLS]" }}'
        "{%- endif %}{%- if loop.last and system_message is not none %}"
        r'{{- "[INST] " + system_message + "\n\n" + message["content"] + "[/INST]" }}'
        '{%- else %}{{- "[INST] " + message["content"] + "[/INST]" }}{%- endif %}'
        '{%- elif message["role"] == "assistant" %}{{- " " + message["content"]|trim + '
        "eos_token}}{%- endif %}{%- endfor %}",
        "<s>",
        "</s>",
    ),
    Published(
        "mistral-tekken",
        "mistralai/Mistral-Nemo-Instruct-2407",
        _SYSTEM_APART.replace("false", "none")
        + '{{- bos_token }}{%- for message in loop_messages %}{%- if message["role"] == "user" %}'
        "{%- if loop.last and system_message is not none %}"
        r'{{- "[INST]" + system_message + "\n\n" + message["content"] + "[/INST]" }}'
        '{%- else %}{{- "[INST]" + message["content"] + "[/INST]" }}{%- endif %}'
        '{%- elif message["role"] == "assistant" %}{{- message["content"] + eos_token}}{%- endif '
        "%}{%- endfor %}",
        "<s>",
        "</s>",
    ),
    Published(
        "mistral-v7",
        "mistralai/Mistral-Large-Instruct-2411",
        "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %}{{ '[INST] "
        "' + message['content'] + '[/INST]' }}{% elif message['role'] == 'system' %}{{ "
        "'[SYSTEM_PROMPT] ' + message['content'] + '[/SYSTEM_PROMPT]' }}{% elif message['role'] "
        "== 'assistant' %}{{ ' ' + message['content'] + eos_token }}{% else %}{{ "
        "raise_exception('Only user, system and assistant roles are supported!') }}{% endif %}{% "
        "endfor %}",
        "<s>",
        "</s>",
    ),
    Published(
        "mistral-v7-tekken",
        "mistralai/Mistral-Small-24B-Instruct-2501",
        "{{- bos_token }}{%- if messages[0]['role'] == 'system' %}{%- set system_message = "
        "messages[0]['content'] %}{%- set loop_messages = messages[1:] %}{%- else %}{%- set "
        "system_message = 'You are Mistral Small 3.' %}{%- set loop_messages = messages %}{%- "
        "endif %}{{- '[SYSTEM_PROMPT]' + system_message + '[/SYSTEM_PROMPT]' }}{%- for message in "
        "loop_messages %}{%- if message['role'] == 'user' %}{{- '[INST]' + message['content'] + "
        "'[/INST]' }}{%- elif message['role'] == 'assistant' %}{{- message['content'] + eos_token "
        "}}{%- endif %}{%- endfor %}",
        "<s>",
        "</s>",
    ),
    Published(
        "chatml",
        "Qwen/Qwen1.5-7B-Chat",
        "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ "
        "'<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n' }}{% endif %}"
        "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% "
        "endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
        "",
        "<|im_end|>",
    ),
    Published(
        "gemma",
        "google/gemma-2-9b-it",
        "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role "
        "not supported') }}{% endif %}{% for message in messages %}"
        + _ALTERNATE
        + (
            "{% if (message['role'] == 'assistant') %}{% set role = 'model' %}{% else %}{% set "
            "role = message['role'] %}{% endif %}{{ '<start_of_turn>' + role + '\n' + "
            "message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}{% if "
            "add_generation_prompt %}{{'<start_of_turn>model\n'}}{% endif %}"
        ),
        "<bos>",
        "<eos>",
    ),
    Published(
        "phi3",
        "microsoft/Phi-3.5-mini-instruct",
        "{% for message in messages %}{% if message['role'] == 'system' and message['content'] %}"
        "{{'<|system|>\n' + message['content'] + '<|end|>\n'}}{% elif message['role'] == 'user' "
        "%}{{'<|user|>\n' + message['content'] + '<|end|>\n'}}{% elif message['role'] == "
        "'assistant' %}{{'<|assistant|>\n' + message['content'] + '<|end|>\n'}}{% endif %}{% "
        "endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% else %}{{ eos_token "
        "}}{% endif %}",
        "",
        "<|endoftext|>",
    ),
    Published(
        "phi4",
        "microsoft/phi-4",
        "{% for message in messages %}{% if (message['role'] == 'system') %}"
        "{{'<|im_start|>system<|im_sep|>' + message['content'] + '<|im_end|>'}}{% elif "
        "(message['role'] == 'user') %}{{'<|im_start|>user<|im_sep|>' + message['content'] + "
        "'<|im_end|>'}}{% elif (message['role'] == 'assistant') "
        "%}{{'<|im_start|>assistant<|im_sep|>' + message['content'] + '<|im_end|>'}}{% endif %}{% "
        "endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant<|im_sep|>' }}{% endif %}",
        "",
        "<|im_end|>",
    ),
    Published(
        "zephyr",
        "HuggingFaceH4/zephyr-7b-beta",
        "{% for message in messages %}\n{% if message['role'] == 'user' %}\n{{ '<|user|>\n' + "
        "message['content'] + eos_token }}\n"
        "{% elif message['role'] == 'system' %}\n{{ '<|system|>\n' + message['content'] + "
        "eos_token }}\n"
        "{% elif message['role'] == 'assistant' %}\n{{ '<|assistant|>\n'  + message['content'] + "
        "eos_token }}\n{% endif %}\n"
        "{% if loop.last and add_generation_prompt %}\n{{ '<|assistant|>' }}\n{% endif %}\n{% "
        "endfor %}",
        "",
        "</s>",
    ),
    Published(
        "vicuna",
        "lmsys/vicuna-13b-v1.5 (as FastChat joins it; the model carries no template)",
        "{% for message in messages %}{% if message['role'] == 'system' %}{{ message['content'] + "
        "' ' }}{% elif message['role'] == 'user' %}{{ 'USER: ' + message['content'] + ' ' }}{% "
        "elif message['role'] == 'assistant' %}{{ 'ASSISTANT: ' + message['content'] + eos_token "
        "}}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}",
        "",
        "</s>",
    ),
    Published(
        "alpaca",
        "tatsu-lab/alpaca-7b (as its training script writes it; the model carries no template)",
        r"{% for message in messages %}{% if message['role'] == 'system' %}"
        r"{{ message['content'] + '\n\n' }}"
        r"{% elif message['role'] == 'user' %}"
        r"{{ '### Instruction:\n' + message['content'] + '\n\n' }}"
        r"{% elif message['role'] == 'assistant' %}"
        r"{{ '### Response:' + message['content'] + '\n\n' }}{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}{{ '### Response:' }}{% endif %}",
        "",
        "</s>",
    ),
    Published(
        "deepseek-coder",
        "deepseek-ai/deepseek-coder-6.7b-instruct",
        "{% for message in messages %}{% if message['role'] == 'system' %}{{ message['content'] }}"
        "{% elif message['role'] == 'user' %}{{'### Instruction:\n' + message['content'] + '\n'}}"
        "{% else %}{{'### Response:\n' + message['content'] + '\n<|EOT|>\n'}}{% endif %}{% endfor "
        "%}{% if add_generation_prompt %}{{ '### Response:\n' }}{% endif %}",
        "",
        "<|EOT|>",
    ),
    Published(
        "deepseek-v2",
        "deepseek-ai/DeepSeek-V2-Lite-Chat",
        "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %}{{ 'User: "
        "' + message['content'] + '\n\n' }}{% elif message['role'] == 'assistant' %}{{ "
        "'Assistant: ' + message['content'] + eos_token }}{% elif message['role'] == 'system' "
        "%}{{ message['content'] + '\n\n' }}{% endif %}{% endfor %}{% if add_generation_prompt "
        "%}{{ 'Assistant:' }}{% endif %}",
        "<｜begin▁of▁sentence｜>",
        "<｜end▁of▁sentence｜>",
    ),
    Published(
        "deepseek-v3",
        "deepseek-ai/DeepSeek-V3",
        "{% set ns = namespace(system_prompt='') %}{%- for message in messages %}{%- if "
        "message['role'] == 'system' %}{% set ns.system_prompt = message['content'] %}{%- endif "
        "%}{%- endfor %}{{bos_token}}{{ns.system_prompt}}{%- for message in messages %}{%- if "
        "message['role'] == 'user' %}{{'<｜User｜>' + message['content']}}{%- endif %}{%- if "
        "message['role'] == 'assistant' %}{{'<｜Assistant｜>' + message['content'] + "
        "'<｜end▁of▁sentence｜>'}}{%- endif %}{%- endfor -%}{% if add_generation_prompt "
        "%}{{'<｜Assistant｜>'}}{% endif %}",
        "<｜begin▁of▁sentence｜>",
        "<｜end▁of▁sentence｜>",
    ),
    Published(
        "command-r",
        "CohereForAI/c4ai-command-r-v01",
        "{{ bos_token }}"
        + _SYSTEM_APART
        + (
            "{% if system_message != false %}{{ '<|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>' + "
            "system_message + '<|END_OF_TURN_TOKEN|>' }}{% endif %}{% for message in "
            "loop_messages %}"
        )
        + _ALTERNATE
        + (
            "{% set content = message['content'] %}{% if message['role'] == 'user' %}{{ "
            "'<|START_OF_TURN_TOKEN|><|USER_TOKEN|>' + content.strip() + '<|END_OF_TURN_TOKEN|>' "
            "}}{% elif message['role'] == 'assistant' %}{{ "
            "'<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>'  + content.strip() + "
            "'<|END_OF_TURN_TOKEN|>' }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ "
            "'<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>' }}{% endif %}"
        ),
        "<BOS_TOKEN>",
        "<|END_OF_TURN_TOKEN|>",
    ),
    Published(
        "gpt-oss",
        "openai/gpt-oss-20b (without the line with the date, and without tools)",
        '{{- "<|start|>system<|message|>You are ChatGPT, a large language model trained by '
        'OpenAI." }}'
        '{{- "\\nKnowledge cutoff: 2024-06\\n\\nReasoning: medium\\n\\n" }}'
        '{{- "# Valid channels: analysis, commentary, final. Channel must be included for every '
        'message.<|end|>" }}'
        "{%- if messages[0].role == 'system' %}"
        '{{- "<|start|>developer<|message|># Instructions\\n\\n" + messages[0].content + '
        '"\\n\\n<|end|>" }}'
        "{%- set loop_messages = messages[1:] %}{%- else %}{%- set loop_messages = messages %}{%- "
        "endif %}"
        "{%- for message in loop_messages %}{%- if message.role == 'assistant' %}"
        '{{- "<|start|>assistant<|channel|>final<|message|>" + message.content + "<|end|>" }}'
        '{%- else %}{{- "<|start|>user<|message|>" + message.content + "<|end|>" }}{%- endif '
        "%}{%- endfor %}"
        "{%- if add_generation_prompt %}{{- '<|start|>assistant' }}{%- endif %}",
        "<|startoftext|>",
        "<|return|>",
    ),
]
"""One at least for each family. Default instructions that a maker's template adds by itself are
shortened."""
