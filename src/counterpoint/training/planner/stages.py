"""What a recipe with stages needs: a forecast a stage."""

from __future__ import annotations

from counterpoint.training.lm.conversation_recipe import ConversationRecipe, read_chats, read_conversations
from counterpoint.training.lm.conversation_run import plan_stages
from counterpoint.training.lm.conversation_settings import Stage
from counterpoint.training.planner.forecast import UTILISATION, Forecast, foresee
from counterpoint.training.planner.gpus import Gpu
from counterpoint.training.planner.shapes import find_model
from counterpoint.training.planner.tokens import RoughTokenizer, find_tokenizer


def plan_conversation_run(
    recipe: ConversationRecipe, gpu: Gpu, *, utilisation: float = UTILISATION
) -> dict[Stage, Forecast]:
    """A forecast of each stage; downloads nothing and reads no weights but `lm:tiny`'s.

    4-bit weights are not proposed: between the stages an adapter is added into the weights, which must be whole.

    Raises:
        UnknownNameError: a model of which nothing is known.
        BadInputError: settings or data are wrong.
    """
    model, tokenizer = find_model(recipe.model), find_tokenizer(recipe.model)
    words = tokenizer or RoughTokenizer()
    conversations = read_conversations(recipe, words)
    plans = plan_stages(recipe, words, model.shape, conversations, read_chats(recipe, conversations))
    return {
        stage: foresee(
            model,
            plan,
            recipe.training.of(stage),
            gpu,
            data=recipe.data,
            objective=stage,
            reference=stage == "dpo",
            estimated=tokenizer is None,
            weights="whole",
            utilisation=utilisation,
        )
        for stage, plan in plans.items()
    }
