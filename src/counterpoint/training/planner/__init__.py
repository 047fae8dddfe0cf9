"""What a training run will need, known before any weight is loaded: memory, settings that fit, hours.

    forecast = plan_run(recipe, data, find_gpu("rtx-4090"))
    print(forecast.summary())

shapes.py   sizes of known models, or of a config.json    gpus.py    what GPUs hold and how fast they are
memory.py   bytes of a step, by part                      tokens.py  a tokenizer, or an estimate by characters
forecast.py all of it together                         stages.py  the same, a stage at a time
"""

from counterpoint.training.planner.forecast import Forecast, Option, plan_run
from counterpoint.training.planner.gpus import GPUS, Gpu, find_gpu
from counterpoint.training.planner.memory import Memory, Peak, step_memory
from counterpoint.training.planner.shapes import MODELS, ModelShape, find_model
from counterpoint.training.planner.stages import plan_conversation_run
from counterpoint.training.planner.tokens import RoughTokenizer, find_tokenizer

__all__ = [
    "GPUS",
    "MODELS",
    "Forecast",
    "Gpu",
    "Memory",
    "ModelShape",
    "Option",
    "Peak",
    "RoughTokenizer",
    "find_gpu",
    "find_model",
    "find_tokenizer",
    "plan_conversation_run",
    "plan_run",
    "step_memory",
]
