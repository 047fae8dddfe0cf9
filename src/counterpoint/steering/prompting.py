"""Questions as token ids, put to nobody in particular or to anybody; who answers comes last and shares the prefix.

A dilemma is put exactly as in training. In a conversation who answers is one line at the end of the user's last turn:
instruct models heed what is said last, all turns before are one prefix for every pole, and with nobody in particular
the conversation is the caller's, unchanged. (In the system's turn it would come before everything.)
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from counterpoint.models.decoding import Decoding
from counterpoint.models.prompts import ROLE_CUES, PromptConfig, Prompter
from counterpoint.steering.asking import Ask, Asked, answered_by, with_note
from counterpoint.types import Pole


class Prompting:
    """Puts questions to one tokenizer's model.

    Args:
        tokenizer: of transformers.
        config: how dilemmas are put; `several` is the question's.
    """

    def __init__(self, tokenizer: Any, config: PromptConfig | None = None) -> None:
        config = config or PromptConfig()
        self._prompters = {several: Prompter(tokenizer, replace(config, several=several)) for several in (False, True)}
        self.end = self._prompters[False].end
        """Token ids that end a reply."""
        self._chat = bool(tokenizer.chat_template)
        self._end_text = str(tokenizer.decode(self.end)) if len(self.end) > 1 else ""

    def ids(self, ask: Ask, who: Pole | None) -> tuple[int, ...]:
        """The question put to `who`, up to where the reply begins."""
        put = answered_by(ask, who)
        if isinstance(put, Asked):
            return self._prompters[put.several].prompt(put.dilemma, put.who, form=put.form)
        return self._prompters[False].turns([(message.role, message.content) for message in with_note(put)])

    def decoding(self, ask: Ask, decoding: Decoding) -> Decoding:
        """With what ends a reply where the model may never have learnt to end one."""
        blank = "\n\n" if isinstance(ask, Asked) else f"\n\n{ROLE_CUES['user']}"
        ends = tuple(text for text in ("" if self._chat else blank, self._end_text) if text)
        return replace(decoding, stop_strings=(*decoding.stop_strings, *ends)) if ends else decoding
