"""A language model in this process, as `counterpoint author` asks it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from counterpoint.authoring.backend import Reply, Speak
from counterpoint.authoring.calls import Call
from counterpoint.errors import BadInputError, MissingExtraError


def speaker(name: str) -> Speak:
    """What answers calls with the model of that name (`lm:...`); calls of equal sampling are generated together.

    A prompt that is too long for the model is refused, so that the others are answered.

    Raises:
        BadInputError: there is no such model.
        MissingExtraError: torch or transformers is not installed.
    """
    try:
        from counterpoint.models.generation import Generator
        from counterpoint.models.language_model import LanguageModel
        from counterpoint.models.sampling import Decoding
    except ImportError as error:
        raise MissingExtraError("A language model in this process", "lm") from error
    language = LanguageModel.load(name)
    generator = Generator(language.model, language.tokenizer)
    positions = getattr(language.model.config, "max_position_embeddings", None)

    def speak(calls: Sequence[Call]) -> list[Reply]:
        prompts = [prompt_ids(language.tokenizer, call) for call in calls]
        replies: dict[int, Reply] = {}
        groups: dict[Any, list[int]] = {}
        for i, (call, prompt) in enumerate(zip(calls, prompts, strict=True)):
            if positions is not None and len(prompt) >= positions:
                said = f"the prompt has {len(prompt)} tokens; {name} reads at most {positions - 1}"
                replies[i] = Reply(said, "refused", len(prompt), 0)
            else:
                groups.setdefault(call.sampling, []).append(i)
        for sampling, group in groups.items():
            decoding = Decoding(sampling.temperature, sampling.top_p, sampling.max_tokens)
            seeds = [calls[i].seed for i in group]
            written = generator.generate([prompts[i] for i in group], decoding, seeds=seeds)
            for i, reply in zip(group, written, strict=True):
                replies[i] = Reply(reply.text, reply.finish, len(prompts[i]), len(reply.tokens))
        return [replies[i] for i in range(len(calls))]

    return speak


def prompt_ids(tokenizer: Any, call: Call) -> list[int]:
    """The chat as token ids: by the tokenizer's template, or as plain paragraphs where it has none.

    Raises:
        BadInputError: the template refuses the chat.
    """
    messages = [{"role": message.role, "content": message.content} for message in call.messages]
    if not getattr(tokenizer, "chat_template", None):
        text = "\n\n".join(f"{message['role'].capitalize()}: {message['content']}" for message in messages)
        return list(tokenizer(f"{text}\n\nAssistant:")["input_ids"])
    try:
        text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    except Exception as error:  # jinja2's, of whatever kind
        raise BadInputError(f"the model's chat template refuses the messages: {error}") from error
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])
