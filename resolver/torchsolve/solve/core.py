"""A conflict-learning engine over bit sets.

The loop: apply what was learned; take the next package that must be there; look one step ahead and
drop its newest options until one contradicts nothing; decide it and hand its edges on. A
contradiction is analysed back to the choice that made it unavoidable, and kept as a nogood, so that
it is not met again. It is the scheme of conflict-driven clause learning (Marques-Silva & Sakallah
1996) with the terms of PubGrub (Weizenbaum 2018): versions are bits, and a term is a set of them.

Facts never enter a nogood: they are folded into the universe of their packages, so what is learned
is true whatever else is asked.
"""

from __future__ import annotations

from collections import Counter

from torchsolve.solve.agenda import Agenda
from torchsolve.solve.engine import Answer, GaveUp, Infeasible, Solved
from torchsolve.solve.keys import split_key
from torchsolve.solve.masks import bits
from torchsolve.solve.problem import Edge, Problem
from torchsolve.solve.state import Nogood, State

ROUNDS = 200_000
# uv's rule: a package that loses so many options to one choice is decided before it.
SWAP_AFTER = 5
_SWAP = 1000


class CoreEngine:
    """The engine that answers. Ends with ``GaveUp`` after ``rounds`` decisions."""

    name = "core"

    def __init__(self, rounds: int = ROUNDS) -> None:
        self._rounds = rounds

    def solve(self, problem: Problem) -> Answer:
        """Answer the problem. Raises UnknownError when an index is out of reach."""
        return _Search(problem).run(self._rounds)


class _Search:
    """One run. ``behind``: packages that a nogood rests on and does not name, by its identity; an
    entry that outlives its nogood blames one package too many and no more."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.state = State(problem)
        self.learned: dict[str, list[Nogood]] = {}
        self.behind: dict[int, frozenset[str]] = {}
        self.used: set[str] = set()
        self.scores: Counter[str] = Counter()
        self.dropped: Counter[tuple[str, str]] = Counter()
        self.swapped: set[tuple[str, str]] = set()
        self.agenda = Agenda(self.state, self.scores)

    def run(self, rounds: int) -> Answer:
        self.problem.prefetch(self.problem.roots)
        for edge in self.problem.roots:
            if not self.state.demand(edge.key, edge.mask):
                return Infeasible(frozenset({split_key(edge.key)[0]}))
        self.agenda.renew()
        for _ in range(rounds):
            conflict = self.propagate()
            if conflict is None:
                key = self.agenda.next()
                if key is None:
                    return Solved(self.picks())
                conflict = self.decide(key)
            if conflict is not None and not self.learn(conflict):
                return Infeasible(self.blamed())
        return GaveUp(rounds)

    def picks(self) -> dict[str, int]:
        return {key: self.state.domain(key).bit_length() - 1 for key in self.state.decided}

    # -- deciding ------------------------------------------------------------------------------

    def decide(self, key: str) -> Nogood | None:
        """Decide a package; the nogood of the contradiction where that cannot be done."""
        state = self.state
        while True:
            position = self.problem.first(key, state.domain(key))
            nogood = self.look_ahead(key, position)
            if nogood is None:
                break
            if state.satisfied(key, nogood[key]):
                return nogood
            state.narrow(key, ~nogood[key], nogood)
            if self.swap(key, nogood):
                return None
        choice = state.domain(key).bit_count() > 1
        if choice:
            state.level += 1
            state.narrow(key, 1 << position, None)
        state.decided[key] = (state.level, choice)
        edges = self.problem.edges(key, position)
        self.problem.prefetch(edges)
        return self.hand_on(key, position, edges)

    def hand_on(self, key: str, position: int, edges: tuple[Edge, ...]) -> Nogood | None:
        for edge in edges:
            if edge.key == key:
                continue
            reason = {key: 1 << position, edge.key: self.state.universe(edge.key) & ~edge.mask}
            if not self.state.domain(edge.key) & edge.mask:
                return reason
            self.state.narrow(edge.key, edge.mask, reason)
        return None

    # -- looking ahead -------------------------------------------------------------------------

    def look_ahead(self, key: str, position: int) -> Nogood | None:
        """Why this option contradicts what is known, with all known options that do so alike."""
        for edge in self.problem.edges(key, position):
            if edge.key == key:
                if not edge.mask >> position & 1:
                    return {key: 1 << position}
            elif not self.state.domain(edge.key) & edge.mask:
                return self.widened(key, position, edge)
        return None

    def widened(self, key: str, position: int, edge: Edge) -> Nogood:
        """Options of ``key`` whose edges are known and miss the domain of ``edge.key`` as well."""
        other, domain = edge.key, self.state.domain(edge.key)
        options, admitted = 1 << position, edge.mask
        for alike in bits(self.state.domain(key) & ~options & ~self.state.absent(key)):
            for candidate in self.problem.known_edges(key, alike):
                if candidate.key == other and not candidate.mask & domain:
                    options |= 1 << alike
                    admitted |= candidate.mask
                    break
        rest = self.state.universe(other) & ~admitted
        if rest != self.state.universe(other):
            return {key: options, other: rest}
        nogood = {key: options}
        self.behind[id(nogood)] = frozenset({other})
        return nogood

    def swap(self, key: str, nogood: Nogood) -> bool:
        """Whether the choice that costs ``key`` its options was undone, to decide ``key`` first."""
        for other in nogood:
            level, choice = self.state.decided.get(other, (0, False))
            if other == key or not choice:
                continue
            pair = (key, other)
            self.dropped[pair] += nogood[key].bit_count()
            if self.dropped[pair] >= SWAP_AFTER and pair not in self.swapped:
                self.swapped.add(pair)
                self.scores[key] += _SWAP
                self.scores[other] -= _SWAP
                self.back_to(level - 1)
                return True
        return False

    def back_to(self, level: int) -> None:
        """Undo later choices."""
        self.state.back_to(level)
        self.agenda.renew()

    # -- learning ------------------------------------------------------------------------------

    def propagate(self) -> Nogood | None:
        """Apply learned nogoods to what changed; one whose terms all hold is a contradiction."""
        state = self.state
        while state.changed:
            changed = state.changed.pop()
            self.agenda.add(changed)
            for nogood in self.learned.get(changed, ()):
                open_terms = [k for k, mask in nogood.items() if not state.satisfied(k, mask)]
                if not open_terms:
                    return nogood
                if len(open_terms) == 1:
                    state.narrow(open_terms[0], ~nogood[open_terms[0]], nogood)
        return None

    def learn(self, conflict: Nogood) -> bool:
        """Find the nogood behind a contradiction, go back and apply it. False: there is no way."""
        while True:
            found = self.analyse(conflict)
            if found is None:
                return False
            nogood, key, level = found
            self.behind[id(nogood)] = frozenset(self.used)
            for name in nogood:
                self.learned.setdefault(name, []).append(nogood)
                self.scores[name] += 1
            self.back_to(level)
            if not self.state.satisfied(key, nogood[key]):
                self.state.narrow(key, ~nogood[key], nogood)
                return True
            conflict = nogood

    def analyse(self, conflict: Nogood) -> tuple[Nogood, str, int] | None:
        """The first nogood that, one level of choices earlier, would have forced a package.

        Gives it with that package and that level; None where it goes back to the facts.
        """
        trail = self.state.trail
        nogood = dict(conflict)
        self.used = {*conflict, *self.behind.get(id(conflict), ())}
        while True:
            held = {key: self.state.satisfied_at(key, mask) for key, mask in nogood.items()}
            key = max(held, key=lambda name: held[name], default=None)
            if key is None or held[key] < 0 or trail[held[key]].level == 0:
                return None
            entry = trail[held[key]]
            others = [trail[p].level for name, p in held.items() if name != key and p >= 0]
            level = max(others, default=0)
            if entry.reason is None or level < entry.level:
                return nogood, key, level
            self.used |= {*entry.reason, *self.behind.get(id(entry.reason), ())}
            nogood = self.resolve(nogood, entry.reason, key)

    def blamed(self) -> frozenset[str]:
        """The packages of a proof that went back to the facts: ``used``, and what stood behind
        the removals that no choice preceded."""
        names, todo = set(self.used), list(self.used)
        reasons: dict[str, list[Nogood]] = {}
        for entry in self.state.trail:
            if entry.level == 0 and entry.reason is not None:
                reasons.setdefault(entry.key, []).append(entry.reason)
        while todo:
            for reason in reasons.get(todo.pop(), ()):
                found = {*reason, *self.behind.get(id(reason), ())} - names
                names |= found
                todo += found
        return frozenset(split_key(name)[0] for name in names)

    def resolve(self, left: Nogood, right: Nogood, pivot: str) -> dict[str, int]:
        """What two nogoods forbid together once the options of ``pivot`` are exhausted."""
        joined = dict(left)
        for key, mask in right.items():
            if key == pivot:
                joined[key] = left[key] | mask
            else:
                joined[key] = left.get(key, mask) & mask
        if not self.state.universe(pivot) & ~joined[pivot]:
            del joined[pivot]
        return joined
