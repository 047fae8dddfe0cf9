"""What a language model reads and says: a dilemma and a pole as token ids, chat template and end of turn included.

    prompter = Prompter(tokenizer)
    prompter.prompt(dilemma, pole)       # ids up to where the reply begins
    prompter.response(dilemma, option)   # ids of the reply, end of turn included

In the layout `scenario_first` nothing about who answers stands before the scenario and its options, so that all poles
and replies share that prefix. `pole_first` is the papers' order. Dilemmas come with their options already shuffled:
letters are those of the order shown. Texts that spell one of the tokenizer's special tokens are broken apart, so that
data can't end a turn.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from counterpoint.errors import BadInputError
from counterpoint.types import Dilemma, Pole

if TYPE_CHECKING:  # torch comes with it, and words need none
    from counterpoint.models.trie import Branch

Layout = Literal["scenario_first", "pole_first"]
Form = Literal["letter", "answer"]
"""`letter`: a reply is an option's letter. `answer`: a JSON object with the choice and its explanation."""

Examples = Sequence[tuple[Dilemma, int]]
"""Past choices of the person who answers: dilemma and chosen option."""

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
SYSTEM = "You choose for the person who answers, and reply only in the form asked for."
ANSWER_CUE = "\n\nReply:\n"
"""Ends a prompt where there is no chat template. After a line break a reply begins as it does on its own."""

ROLE_CUES = {"user": "User:\n", "assistant": "Reply:\n"}
"""Begin the turns of a conversation where there is no chat template."""

TEMPLATE_SETTINGS = {"enable_thinking": False, "date_string": "26 Jul 2024"}
"""Qwen3: no thoughts before the reply. Llama 3: the date its templates have by default, never today's."""

_MARK = "counterpoint-reply"


@dataclass(frozen=True)
class PromptConfig:
    """How dilemmas are put."""

    layout: Layout = "scenario_first"
    """What comes first: the scenario with its options, or who answers."""
    several: bool = False
    """Ask for every option that fits instead of one."""


def letter(option: int) -> str:
    """The letter an option is shown with: 0 is A."""
    if not 0 <= option < len(LETTERS):
        raise BadInputError(f"option {option} has no letter; a dilemma has at most {len(LETTERS)} options")
    return LETTERS[option]


class Wording:
    """Puts dilemmas in words. Needs no model: this is what every language model is asked.

    Args:
        config: how dilemmas are put.
        special: texts that are a token of their own to the model that reads, and are broken apart.
    """

    def __init__(self, config: PromptConfig | None = None, special: Sequence[str] = ()) -> None:
        self.config, self._special = config or PromptConfig(), tuple(special)

    def text(self, dilemma: Dilemma, pole: Pole | None, *, form: Form = "answer", examples: Examples = ()) -> str:
        """What the user's turn says."""
        task = [self.situation(dilemma), self.instruction(dilemma, form)]
        person = [*self._history(examples), _who(pole)]
        order = [*task, *person] if self.config.layout == "scenario_first" else [*person, *task]
        return self._harmless("\n\n".join(part for part in order if part))

    def reply(self, dilemma: Dilemma, option: int | Sequence[int], *, form: Form = "answer") -> str:
        """The reply as text, on one line."""
        options = [option] if isinstance(option, int) else list(option)
        if not options or (len(options) > 1 and not self.config.several):
            wanted = "at least 1" if self.config.several else "1"
            raise BadInputError(f"a reply with {len(options)} options was asked for; expected {wanted}")
        if form == "letter":
            return ", ".join(letter(i) for i in options)
        explanations = [dilemma.options[i].explanation.strip() for i in options]
        explanation = " ".join(text for text in explanations if text)
        return self._harmless(self._object([letter(i) for i in options], explanation, self.config.several))

    def choices(self, dilemma: Dilemma, *, form: Form = "answer") -> tuple[str, ...]:
        """How replies begin up to their letter, which stands last: `[option]`. What `letters` compares, as text."""
        lead = "" if form == "letter" else self._object(_letters(0), "", self.config.several).partition(letter(0))[0]
        return tuple(lead + letter(option) for option in range(len(dilemma.options)))

    @staticmethod
    def _object(letters: Sequence[str], explanation: str, several: bool) -> str:
        answer: dict[str, object] = {"choices": list(letters)} if several else {"choice": letters[0]}
        if explanation:
            answer["explanation"] = explanation
        return json.dumps(answer, ensure_ascii=False)

    def situation(self, dilemma: Dilemma) -> str:
        """Scenario, question and lettered options."""
        options = "\n".join(f"{letter(i)}. {option.text.strip()}" for i, option in enumerate(dilemma.options))
        return "\n\n".join(part for part in (dilemma.scenario.strip(), dilemma.question.strip(), options) if part)

    def instruction(self, dilemma: Dilemma, form: Form) -> str:
        """What form of reply is asked for."""
        letters = "the letters of all options that fit" if self.config.several else "the letter of one option"
        if form == "letter":
            return f"Reply with {letters}, and nothing else."
        explained = any(option.explanation for option in dilemma.options)
        shape = self._object(["..."], "..." if explained else "", self.config.several)
        return f"Reply with JSON on one line, {letters}{' and why' if explained else ''}: {shape}"

    def _history(self, examples: Examples) -> list[str]:
        if not examples:
            return []
        past = [f"{self.situation(dilemma)}\n\nChosen: {letter(option)}" for dilemma, option in examples]
        return ["Earlier choices of the person who answers:", *past, "These were the earlier choices."]

    def _harmless(self, text: str) -> str:
        """The text with a space inside every special token that it spells."""
        for token in self._special:
            if len(token) > 1:
                text = text.replace(token, f"{token[0]} {token[1:]}")
        return text


class Prompter(Wording):
    """Puts dilemmas to one tokenizer's model.

    Args:
        tokenizer: of transformers. Its chat template is used if it has one; otherwise what the tokenizer itself puts
            before a text (a BOS token).
        config: how dilemmas are put.
    """

    def __init__(self, tokenizer: Any, config: PromptConfig | None = None) -> None:
        special = {str(token) for token in tokenizer.added_tokens_decoder.values() if token.special}
        super().__init__(config, sorted(special, key=len))
        self.tokenizer = tokenizer
        self._chat = bool(tokenizer.chat_template)
        self._system_turn = self._chat and self._takes_system()
        self.end: tuple[int, ...] = self._end()
        """Token ids that end a reply: the template's end of turn, else EOS, else a line break."""

    def prompt(
        self, dilemma: Dilemma, pole: Pole | None, *, form: Form = "answer", examples: Examples = ()
    ) -> tuple[int, ...]:
        """Token ids up to where the reply begins. Under pole None nobody in particular is asked for."""
        return self.tokens(self.text(dilemma, pole, form=form, examples=examples))

    def response(self, dilemma: Dilemma, option: int | Sequence[int], *, form: Form = "answer") -> tuple[int, ...]:
        """Token ids of the reply that chooses this option (or, where several are asked for, these), with its end."""
        return self._ids(self.reply(dilemma, option, form=form)) + self.end

    def branch(
        self,
        dilemma: Dilemma,
        pole: Pole | None,
        option: int | Sequence[int],
        *,
        form: Form = "answer",
        examples: Examples = (),
    ) -> Branch:
        """Prompt and response as the trie engine wants them."""
        from counterpoint.models.trie import Branch

        prompt = self.prompt(dilemma, pole, form=form, examples=examples)
        return Branch(prompt + self.response(dilemma, option, form=form), len(prompt))

    def letters(self, dilemma: Dilemma, *, form: Form = "answer") -> tuple[tuple[int, ...], list[tuple[int, ...]]]:
        """How replies begin up to the letter (nothing, in form `letter`), and what tells the options apart: `[option]`.

        With every tokenizer we know of that is one token each. Where one option's tokens would be the beginning of
        another's, whole replies without explanation are compared.
        """
        from counterpoint.models.trie.plan import shared_length

        replies = [
            self._ids(self._object(_letters(option), "", self.config.several) if form == "answer" else letter(option))
            for option in range(len(dilemma.options))
        ]
        shared = min((shared_length(replies[0], reply) for reply in replies[1:]), default=0)
        shared = min(shared, *(len(reply) - 1 for reply in replies))
        firsts = [reply[shared : shared + 1] for reply in replies]
        ends = firsts if len(set(firsts)) == len(firsts) else [reply[shared:] + self.end for reply in replies]
        return replies[0][:shared], ends

    # Tokens

    def tokens(self, user: str) -> tuple[int, ...]:
        """Token ids of a user's turn up to where the reply begins."""
        if self._chat:
            return self._ids(self._render(self._messages(user), reply_next=True))
        return self._start() + self._ids(f"{SYSTEM}\n\n{user}{ANSWER_CUE}")

    def turns(self, messages: Sequence[tuple[str, str]]) -> tuple[int, ...]:
        """Token ids of a conversation, (role, text) each and the last a user's, up to where the reply begins.

        As templates want it: what the system says is one text at the start (of the user's first turn, where there is no
        turn for the system), and roles take turns. Without a template every turn begins with its role.

        Raises:
            BadInputError: the template doesn't take it.
        """
        merged: list[tuple[str, str]] = []
        for role, text in messages:
            if role != "system" and merged and merged[-1][0] == role:
                merged[-1] = (role, f"{merged[-1][1]}\n\n{text}")
            elif role != "system":
                merged.append((role, text))
        system = "\n\n".join(text for role, text in messages if role == "system")
        if system and self._system_turn:
            merged.insert(0, ("system", system))
        elif system:
            first = next(i for i, (role, _) in enumerate(merged) if role == "user")
            merged[first] = ("user", f"{system}\n\n{merged[first][1]}")
        harmless = [(role, self._harmless(text)) for role, text in merged]
        if not self._chat:
            told = "".join(f"{ROLE_CUES[role]}{text}\n\n" for role, text in harmless)
            return self._start() + self._ids(told + ROLE_CUES["assistant"])
        try:
            return self._ids(self._render([{"role": r, "content": t} for r, t in harmless], reply_next=True))
        except Exception as error:  # what a template raises is up to it
            raise BadInputError(f"the model's chat template doesn't take this conversation: {error}") from error

    def _messages(self, user: str) -> list[dict[str, str]]:
        if self._system_turn:
            return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": user}]
        return [{"role": "user", "content": f"{SYSTEM}\n\n{user}"}]

    def _render(self, messages: list[dict[str, str]], *, reply_next: bool) -> str:
        # as text and tokenised once below: the template writes BOS itself if the model wants one
        rendered: str = self.tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=reply_next, **TEMPLATE_SETTINGS
        )
        return rendered

    def _takes_system(self) -> bool:
        """Whether the template has a turn for the system; some raise, some leave it out without a word."""
        messages = [{"role": "system", "content": _MARK}, {"role": "user", "content": "?"}]
        try:
            return _MARK in self._render(messages, reply_next=True)
        except Exception:  # what a template raises is up to it
            return False

    def _start(self) -> tuple[int, ...]:
        """The BOS token, if the tokenizer puts one before every text."""
        bos = self.tokenizer.bos_token_id
        return (bos,) if bos is not None and self.tokenizer("")["input_ids"][:1] == [bos] else ()

    def _end(self) -> tuple[int, ...]:
        if self._chat:
            messages = [*self._messages("?"), {"role": "assistant", "content": _MARK}]
            after = self._ids(self._render(messages, reply_next=False).rpartition(_MARK)[2])
            special = {i for i, token in self.tokenizer.added_tokens_decoder.items() if token.special}
            if found := [token for token in after if token in special]:
                return (found[0],)
        eos = self.tokenizer.eos_token_id
        return (eos,) if eos is not None else self._ids("\n")

    def _ids(self, text: str) -> tuple[int, ...]:
        return tuple(self.tokenizer(text, add_special_tokens=False)["input_ids"])


def _letters(option: int) -> tuple[str]:
    return (letter(option),)


def _who(pole: Pole | None) -> str:
    if pole is None:
        return "Who answers: nobody in particular."
    return f"Who answers: {pole.name}. {pole.description}".strip()
