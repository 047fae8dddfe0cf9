"""An LLM writes new rows, and what it wrote is checked before it counts.

    calls          records: a call, its answer, how one fails
    llm            the one client: cache, budget, limits, retries, forms, repairs
    backend        what answers: an endpoint behind the openai client, or a model in process
    dialect        what an endpoint understands of a standard request
    structured     answers in a form, read tolerantly
    cache, durable answers on disk, paid for once, safe under sudden death
    budget, limits money with a cap; requests and tokens a minute
    run, journal   a run that can be killed at any moment and goes on: rows in order, rejections with reasons
    provenance     what is recorded of every row, and the card of a data set
    prompts/       what is asked, with name, version and content hash
    dilemmas/      scenes, scenarios, options; blind label check, appeal, near duplicates, balance; twins
    personas/      pools of profiles and personalities, and people made of them
    conversations/ five roles talk, turn by turn
    histories/     people with a hidden vector answer dilemmas over time

Nothing here imports a model: what needs one (sentence embeddings, a language model in process) is handed in.
"""
