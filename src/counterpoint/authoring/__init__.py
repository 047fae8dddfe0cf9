"""An LLM writes new rows, and what it wrote is checked before it counts.

    llm         the one client: answers to calls, paid for once, structured where a form is asked for
    prompts/    what is asked, with name, version and content hash
    run         a run that can be killed at any moment and goes on: rows in order, rejections with reasons
    provenance  what is recorded of every row, and the card of a data set
    dilemmas/   scenes, scenarios, options; blind label check, appeal, near duplicates, balance; twins

Nothing here imports a model: what needs one (sentence embeddings, a language model in process) is handed in.
"""
