"""A language model in this process that answers calls as an endpoint does: for `authoring.backend.LocalBackend`."""

from __future__ import annotations

from collections.abc import Sequence

from counterpoint.authoring.backend import Reply, Speak
from counterpoint.authoring.calls import Call, Sampling
from counterpoint.errors import MissingExtraError


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
        from counterpoint.models.prompts import Prompter
        from counterpoint.models.sampling import Decoding
    except ImportError as error:
        raise MissingExtraError("A language model in this process", "lm") from error
    language = LanguageModel.load(name)
    prompter = Prompter(language.tokenizer)
    end = prompter.end if len(prompter.end) == 1 else ()
    generator = Generator(language.model, language.tokenizer, stop_tokens=end)
    positions = getattr(language.model.config, "max_position_embeddings", None)

    def speak(calls: Sequence[Call]) -> list[Reply]:
        prompts = [prompter.turns([(said.role, said.content) for said in call.messages]) for call in calls]
        replies: dict[int, Reply] = {}
        groups: dict[Sampling, list[int]] = {}
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
