"""A mutator of our own, for machines without atheris: seeded, and blind to coverage."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from fuzz.interface import Target

_TELLING = (0, 1, 4, 0x0A, 0x0D, 0x20, 0x22, 0x40, 0x45, 0x60, 0x7F, 0x80, 0xFE, 0xFF)


def mutations(target: Target, seed: int) -> Iterator[bytes]:
    """Inputs without end: the seeds as they are, then changed ones."""
    generator = random.Random(seed)
    seeds = [item[: target.largest] for item in target.seeds()] or [b""]
    if seed == 0:
        yield from seeds
    while True:
        yield mutated(generator, generator.choice(seeds), seeds, target)


def mutated(generator: random.Random, data: bytes, others: Sequence[bytes], target: Target) -> bytes:
    """One to eight changes of an input."""
    content = bytearray(data)
    for _ in range(generator.randint(1, 8)):
        _change(generator, content, others, target.tokens)
    return bytes(content[: target.largest])


def _change(generator: random.Random, content: bytearray, others: Sequence[bytes], tokens: Sequence[bytes]) -> None:
    size = len(content)
    place = generator.randint(0, size)
    length = min(generator.choice((1, 2, 4, 8, 32, 200)), size - place)
    match generator.randrange(8):
        case 0:
            del content[place : place + length]
        case 1:
            content[place:place] = generator.randbytes(generator.randint(1, 8))
        case 2 if tokens:
            token = generator.choice(tokens)
            content[place : place + generator.choice((0, len(token)))] = token
        case 3:
            content[place:place] = content[place : place + length] * generator.choice((1, 2, 50))
        case 4:
            other = generator.choice(others)
            start = generator.randint(0, len(other))
            content[place : place + length] = other[start : start + generator.choice((4, 64, 1000))]
        case 5 if size >= 2:
            number = generator.choice((0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF))
            width = generator.choice((1, 2, 4))
            content[place : place + width] = (number & ((1 << 8 * width) - 1)).to_bytes(
                width, generator.choice(("big", "little"))
            )
        case 6 if generator.random() < 0.2:
            del content[place:]
        case _ if place < size:
            content[place] = generator.choice((*_TELLING, generator.randrange(256)))
