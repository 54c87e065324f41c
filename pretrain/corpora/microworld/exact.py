"""Exact probabilities: every way in which the grammar can make a given text.

One walk visits each derivation that agrees with a (partly masked) target and leaves
every other at the first token where it departs. What is left behind there is counted
too, and that is all there is to know: the mass that departs at or after position t is
the probability that a document begins with the first t tokens, so the ratio of two
neighbors is the ideal surprisal of one token. A text that several derivations make
has the sum of their probabilities, also when a draw left no trace in it.

A walk of a whole document takes about a millisecond: alternatives that begin with
another token are left without being entered. Masking makes it longer, the more the
longer the masked stretch; a document masked from end to end cannot be walked.
"""

from collections.abc import Callable, Iterator, Sequence

from .choices import Choice
from .grammar import ALT, DRAW, EXPAND, LIT, PICK, SAY
from .sampling import arithmetic

Leaf = Callable[[float, tuple[int, ...], dict], None]
Left = Callable[[float, int], None]


def walk(
    root: tuple, target: Sequence[int | None] | None, leaf: Leaf, left: Left
) -> None:
    """Visit every derivation from `root` that agrees with `target`.

    Args:
        root: a compiled template.
        target: token ids, None where any token will do; or None for every document
            of the language (of a small one: see `enumerate_documents`).
        leaf: called with (probability, token ids, bindings) for each derivation whose
            tokens agree with the whole target.
        left: called with (probability, t) for derivations that agree with the first t
            tokens of the target and then depart from it, also by ending or going on.
    """
    length = -1 if target is None else len(target)
    stack = [((root, 0, None), {}, 0, 1.0, None)]
    while stack:
        rest, env, at, mass, said = stack.pop()
        while rest is not None:
            ops, i, outer = rest
            if i == len(ops):
                rest = outer
                continue
            op, rest = ops[i], (ops, i + 1, outer)
            code = op[0]
            if code in (PICK, DRAW):
                choice = op[2] if code == PICK else op[2](env)
                _draws(choice, op, rest, env, at, mass, said, target, stack, left)
                break
            if code in (ALT, EXPAND):
                choice = op[1] if code == ALT else env[op[1]].expand[op[2]]
                agreed = 0
                known = target[at] if 0 <= at < length else None
                firsts = _firsts(choice) if known is not None else None
                for j, (ops, weight) in enumerate(
                    zip(choice.items, choice.weights, strict=True)
                ):
                    if firsts and firsts[j] is not None and known not in firsts[j]:
                        continue
                    agreed += weight
                    share = mass * weight / choice.total
                    stack.append(((ops, 0, rest), env, at, share, said))
                if agreed < choice.total:
                    left(mass * (choice.total - agreed) / choice.total, at)
                break
            if code == LIT:
                ids = op[1]
            elif code == SAY:
                ids = env[op[1]].say[op[2]]
            else:
                ids = arithmetic(op, env)
            agree = len(ids) if target is None else _agree(ids, target, at)
            if agree < len(ids):
                left(mass, at + agree)
                break
            at += agree
            said = (said, ids)
        else:
            if length in (-1, at):
                leaf(mass, _flat(said), env)
            else:
                left(mass, at)


def _draws(choice, op, rest, env, at, mass, said, target, stack, left) -> None:
    """Push one state for each entity whose words agree with the target."""
    _, var, _, speaks = op
    if not speaks:
        for entity, weight in zip(choice.items, choice.weights, strict=True):
            share = mass * weight / choice.total
            stack.append((rest, {**env, var: entity}, at, share, said))
        return
    inside = target is not None and at < len(target)
    if inside and target[at] is not None:
        pairs = _by_first(choice).get(target[at], ())
        agreed = sum(weight for _, weight in pairs)
        if agreed < choice.total:
            left(mass * (choice.total - agreed) / choice.total, at)
    else:
        pairs = zip(choice.items, choice.weights, strict=True)
    for entity, weight in pairs:
        ids, share = entity.say[""], mass * weight / choice.total
        agree = len(ids) if target is None else _agree(ids, target, at)
        if agree < len(ids):
            left(share, at + agree)
        else:
            new = {**env, var: entity}
            stack.append((rest, new, at + agree, share, (said, ids)))


def _agree(ids: tuple[int, ...], target: Sequence[int | None], at: int) -> int:
    """How many of `ids` agree with the target from position `at` on."""
    for k, token in enumerate(ids):
        if at + k >= len(target) or target[at + k] not in (None, token):
            return k
    return len(ids)


def _flat(said) -> tuple[int, ...]:
    """The token ids of a linked list (…, ids), in order."""
    parts = []
    while said is not None:
        said, ids = said
        parts.append(ids)
    return tuple(token for ids in reversed(parts) for token in ids)


def _by_first(choice: Choice) -> dict:
    """First token → the (entity, weight) pairs that begin with it."""
    if choice.first is None:
        choice.first = {}
        for entity, weight in zip(choice.items, choice.weights, strict=True):
            choice.first.setdefault(entity.say[""][0], []).append((entity, weight))
    return choice.first


def _firsts(choice: Choice) -> list[frozenset[int] | None]:
    """For each template, the tokens it can begin with; None if that is not known."""
    if choice.first is None:
        choice.first = [first_tokens(ops) for ops in choice.items]
    return choice.first


def first_tokens(ops: tuple) -> frozenset[int] | None:
    """The tokens that an expansion can begin with, None if the bindings decide.

    Also None if the expansion can be empty: then what follows it decides.
    """
    for op in ops:
        code = op[0]
        if code == LIT:
            return frozenset(op[1][:1])
        if code == PICK:
            if op[3]:
                return frozenset(_by_first(op[2]))
            continue
        if code == ALT:
            firsts = _firsts(op[1])
            if None in firsts:
                return None
            return frozenset().union(*firsts)
        return None
    return None


def prefix_masses(root: tuple, ids: Sequence[int]) -> tuple[list[float], int]:
    """(n+2 masses, number of derivations) of a document of n tokens.

    masses[t] is the probability that a document begins with the first t tokens;
    masses[n+1] is that of being exactly this document, <doc> included.
    """
    masses, found = [0.0] * (len(ids) + 2), 0

    def leaf(mass: float, said: tuple[int, ...], env: dict) -> None:
        nonlocal found
        masses[-1] += mass
        found += 1

    def left(mass: float, at: int) -> None:
        masses[at] += mass

    walk(root, ids, leaf, left)
    for t in range(len(ids), -1, -1):
        masses[t] += masses[t + 1]
    return masses, found


def posterior(root: tuple, target: Sequence[int | None]) -> tuple[float, list[dict]]:
    """(probability, for each position token → posterior probability).

    The probability is that of a document which agrees with the target where it is
    not None, and has its length. It is 0, and the dictionaries are empty, if no
    document of the language does.
    """
    total, tables = 0.0, [{} for _ in target]

    def leaf(mass: float, said: tuple[int, ...], env: dict) -> None:
        nonlocal total
        total += mass
        for table, token in zip(tables, said, strict=True):
            table[token] = table.get(token, 0.0) + mass

    walk(root, target, leaf, lambda mass, at: None)
    for table in tables:
        for token in table:
            table[token] /= total
    return total, tables


def enumerate_documents(root: tuple) -> Iterator[tuple[tuple[int, ...], float]]:
    """Every derivation of a *small* language, as (token ids, probability).

    One text can come up several times; its probability is the sum.
    """
    found: list[tuple[tuple[int, ...], float]] = []
    walk(root, None, lambda mass, said, env: found.append((said, mass)), _nothing)
    yield from found


def _nothing(mass: float, at: int) -> None:
    """Where nothing is masked out, nothing departs."""
