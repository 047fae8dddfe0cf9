"""Adding persona texts to a pool: how long the similarity filter takes against comparing all pairs, same decisions.

    OMP_NUM_THREADS=1 python benchmarks/personas.py --json OUT [--pool 10000] [--candidates 1000] [--published DIR]

Times are this process's processor time, the median of interleaved rounds. Vectors are drawn: 384 dimensions whose
variances fall as those of sentence embeddings do (i ** -0.7), half of the candidates new, half like a pool member
(cosine 0.5 to 0.95). Every way's decisions are compared with the plain definition's.

The rivals, from plain to strong:
    pairs       the plain definition: each candidate against each one kept, a dot product a pair (one round)
    all pairs   the similarity matrix of everything with everything, read row by row
    one by one  each candidate against the matrix of all kept, a matrix-vector product each
    together    all candidates against the pool in one matrix product, then among themselves

With `--published` (the folder of ALOE's published pool), its texts are filtered with the encoder's embeddings, and the
decisions compared with the definition's.

A pool must grow at the cost of a small one. A decision does cost more where there is more to be unlike; but before it
comes an embedding, which does not: both ratios are told.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from counterpoint.authoring.personas.seeds import PROFILES
from counterpoint.authoring.personas.similarity import THRESHOLD, SimilarityFilter, cosine

Floats = NDArray[np.float32]
DIMENSION = 384


def vectors(pool: int, candidates: int, seed: int = 0) -> tuple[Floats, Floats]:
    """A pool whose members are all different, and candidates for it."""
    draw = np.random.default_rng(seed)
    scale = np.arange(1, DIMENSION + 1) ** -0.35
    filter_ = SimilarityFilter(DIMENSION)
    while len(filter_) < pool:
        filter_.add(draw.normal(size=(min(1024, pool - len(filter_)), DIMENSION)) * scale)
    members = filter_.vectors / np.linalg.norm(filter_.vectors, axis=1, keepdims=True)
    new = draw.normal(size=(candidates, DIMENSION)) * scale
    like = members[draw.integers(pool, size=candidates)]
    share = draw.uniform(0.5, 0.95, size=(candidates, 1))
    new /= np.linalg.norm(new, axis=1, keepdims=True)
    off = new - (new * like).sum(1, keepdims=True) * like
    off /= np.linalg.norm(off, axis=1, keepdims=True)
    mixed = np.where(draw.random((candidates, 1)) < 0.5, new, share * like + np.sqrt(1 - share**2) * off)
    unit = mixed / np.linalg.norm(mixed, axis=1, keepdims=True)
    return members.astype(np.float32), unit.astype(np.float32)


def pairs(pool: Floats, candidates: Floats) -> list[bool]:
    """The plain definition on vectors of length 1, as it would be written down."""
    kept, decided = list(pool), []
    for candidate in candidates:
        decided.append(all(float(np.dot(candidate, other)) <= THRESHOLD for other in kept))
        if decided[-1]:
            kept.append(candidate)
    return decided


def all_pairs(pool: Floats, candidates: Floats) -> list[bool]:
    """The whole matrix, then one candidate after another."""
    everything = np.concatenate([pool, candidates])
    cosines = everything @ everything.T
    kept = np.arange(len(everything)) < len(pool)
    for i in range(len(pool), len(everything)):
        kept[i] = not (cosines[i] > THRESHOLD)[kept].any()
    return [bool(k) for k in kept[len(pool) :]]


def one_by_one(pool: Floats, candidates: Floats) -> list[bool]:
    """A matrix-vector product a candidate, room for the new ones made beforehand."""
    room = np.concatenate([pool, np.empty_like(candidates)])
    count, decided = len(pool), []
    for candidate in candidates:
        decided.append(not (room[:count] @ candidate > THRESHOLD).any())
        if decided[-1]:
            room[count] = candidate
            count += 1
    return decided


def together(pool: Floats, candidates: Floats) -> list[bool]:
    """One product with the pool, one among the candidates."""
    free = ~(candidates @ pool.T > THRESHOLD).any(1)
    near = candidates @ candidates.T > THRESHOLD
    kept = np.zeros(len(candidates), bool)
    for i in np.flatnonzero(free):
        kept[i] = not near[i, :i][kept[:i]].any()
    return [bool(k) for k in kept]


def ours(pool: Floats) -> Callable[[Floats], list[bool]]:
    """A filter that holds the pool already; each call is given its own."""
    filter_ = SimilarityFilter(DIMENSION)
    filter_.keep_all(pool)
    return lambda candidates: [bool(kept) for kept in filter_.add(candidates)]


def seconds(work: Callable[[], list[bool]]) -> tuple[float, list[bool]]:
    """Processor time of a call."""
    started = time.process_time()
    result = work()
    return time.process_time() - started, result


def compare(pool: Floats, candidates: Floats, rounds: int) -> dict[str, object]:
    """Times, ratios, and whether decisions are the same."""
    rivals = {"all pairs": all_pairs, "one by one": one_by_one, "together": together}
    times: dict[str, list[float]] = {name: [] for name in ("ours", *rivals)}
    took, plain = seconds(lambda: pairs(pool, candidates))
    times["pairs"] = [took]
    same = {}
    for _ in range(rounds):
        filter_ = ours(pool)
        took, decided = seconds(lambda filter_=filter_: filter_(candidates))
        times["ours"].append(took)
        same["ours"] = decided == plain
        for name, rival in rivals.items():
            took, decided = seconds(lambda rival=rival: rival(pool, candidates))
            times[name].append(took)
            same[name] = decided == plain
    median = {name: statistics.median(values) for name, values in times.items()}
    return {
        "kept_share": float(np.mean(plain)),
        "seconds": {name: round(value, 4) for name, value in median.items()},
        "ratio_to_ours": {name: round(value / median["ours"], 1) for name, value in median.items()},
        "same_decisions": same,
    }


def growth(candidates: int, rounds: int, batch: int = 20) -> dict[str, float]:
    """Microseconds a candidate, by size of the pool, candidates coming twenty at a time as answers bring them."""
    found = {}
    for size in (100, 1000, 10_000):
        pool, new = vectors(size, candidates, seed=1)
        took = []
        for _ in range(rounds):
            filter_ = ours(pool)
            parts = np.array_split(new, candidates // batch)
            took.append(seconds(lambda filter_=filter_, parts=parts: [k for part in parts for k in filter_(part)])[0])
        found[str(size)] = round(statistics.median(took) / candidates * 1e6, 1)
    return found


def embedding(rounds: int) -> float | None:
    """Microseconds to embed one of the package's own seed texts; None without the encoder."""
    try:
        from counterpoint.models.text_encoder import TextEncoder
    except ImportError:
        return None
    encoder, took = TextEncoder.load(), []
    for _ in range(rounds):
        encoder.cache, encoder._known = None, {}
        started = time.process_time()
        encoder.embed(PROFILES)
        took.append((time.process_time() - started) / len(PROFILES))
    return round(statistics.median(took) * 1e6)


def published(folder: Path) -> dict[str, object]:
    """The published pool through the filter, with the encoder's embeddings; and what a text costs to embed."""
    from counterpoint.models.text_encoder import TextEncoder

    encoder = TextEncoder.load()
    encoder.cache = None
    found: dict[str, object] = {}
    for name in ("profile", "personality"):
        lines = (folder / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        texts = [line.strip().strip('"') if line.count('"') > 2 else json.loads(line) for line in lines]
        started = time.process_time()
        embedded = encoder.embed(texts)
        took = (time.process_time() - started) / len(texts)
        cosines = np.array([cosine(a, b) for i, a in enumerate(embedded) for b in embedded[:i]])
        rows: dict[str, object] = {"texts": len(texts), "embedding_microseconds": round(took * 1e6)}
        rows["mean_cosine"] = round(float(cosines.mean()), 3)
        for threshold in (0.6, 0.7, 0.8, 0.9):
            filter_ = SimilarityFilter(DIMENSION, threshold=threshold)
            decided = [bool(kept) for part in np.array_split(embedded, 7) for kept in filter_.add(part)]
            kept: list[Floats] = []
            plain = []
            for vector in embedded:
                plain.append(all(cosine(vector, other) <= threshold for other in kept))
                kept += [vector] if plain[-1] else []
            closest = float(np.abs(cosines - threshold).min())
            rows[str(threshold)] = {"kept": sum(decided), "same": decided == plain, "closest_pair": f"{closest:.1e}"}
        found[name] = rows
    return found


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pool", type=int, default=10_000)
    parser.add_argument("--candidates", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--published", type=Path)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    threads = os.environ.get("OMP_NUM_THREADS", "all")
    result: dict[str, object] = {"machine": f"{platform.processor() or platform.machine()}, threads: {threads}"}
    result |= {"pool": arguments.pool, "candidates": arguments.candidates, "rounds": arguments.rounds}
    result |= compare(*vectors(arguments.pool, arguments.candidates), arguments.rounds)
    by_pool = growth(arguments.candidates, arguments.rounds)
    embed = embedding(arguments.rounds) or 0.0
    result |= {
        "microseconds_a_candidate_by_pool": by_pool,
        "microseconds_to_embed_a_text": embed or None,
        "a_candidate_at_10000_against_100": {
            "its_decision": round(by_pool["10000"] / by_pool["100"], 1),
            "its_embedding_and_decision": round((embed + by_pool["10000"]) / (embed + by_pool["100"]), 3),
        },
    }
    if arguments.published:
        result["published"] = published(arguments.published)
    text = json.dumps(result, indent=1)
    print(text)
    if arguments.json:
        arguments.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
