"""A conflict-learning engine over bit sets.

The loop: apply what was learned; take the next package that must be there; look one step ahead and
drop its newest options until one contradicts nothing; decide it and hand its edges on. A
contradiction is analysed back to the choice that made it unavoidable, and kept as a nogood, so that
it is not met again. It is the scheme of conflict-driven clause learning (Marques-Silva & Sakallah
1996) with the terms of PubGrub (Weizenbaum 2018): versions are bits, and a term is a set of them.

Facts never enter a nogood: they are folded into the universe of their packages, so what is learned
is true whatever else is asked.

Where two packages cannot both be new, the order of decisions tells which gives way. It is uv's, as
``agenda`` and ``tally`` say, with uv's restarts: a package whose newest version asks for another
Python sends the search back to where it was first asked for, so that packages which changed places
since are decided in their new order.
"""

from __future__ import annotations

from collections.abc import Sequence

from torchsolve.solve.agenda import Agenda
from torchsolve.solve.engine import Answer, GaveUp, Infeasible, Solved
from torchsolve.solve.keys import split_key
from torchsolve.solve.masks import bits
from torchsolve.solve.problem import Edge, Problem
from torchsolve.solve.refusals import Refusals
from torchsolve.solve.state import Nogood, State
from torchsolve.solve.tally import Tally

ROUNDS = 200_000
# uv keeps an extra as several packages: a version of it that is not taken is so many clashes.
_OF_EXTRA = 3


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
        self.agenda = Agenda(self.state)
        self.tally = Tally()
        self.refusals = Refusals(problem)
        self.tried: set[tuple[str, int]] = set()
        # Edition of the agenda at which each level was opened; level 0 was always there.
        self.editions = [0]

    def run(self, rounds: int) -> Answer:
        self.problem.prefetch(self.problem.roots)
        for edge in self.problem.roots:
            if not self.state.demand(edge.key, edge.mask):
                return Infeasible(frozenset({split_key(edge.key)[0]}))
        self.meet(self.problem.roots)
        self.agenda.renew()
        for _ in range(rounds):
            conflict = self.propagate()
            self.change_places()
            if conflict is None:
                key = self.agenda.next()
                if key is None:
                    return Solved(self.picks())
                self.tally.turn = key
                conflict = self.decide(key)
            if conflict is not None and not self.learn(conflict):
                return Infeasible(self.blamed())
        return GaveUp(rounds)

    def picks(self) -> dict[str, int]:
        return {key: self.state.domain(key).bit_length() - 1 for key in self.state.decided}

    # -- deciding ------------------------------------------------------------------------------

    def decide(self, key: str) -> Nogood | None:
        """Decide a package; the nogood of the contradiction where that cannot be done."""
        state, tally = self.state, self.tally
        while True:
            position = self.problem.first(key, state.domain(key))
            if self.goes_back(key, position):
                return None
            nogood = self.look_ahead(key, position)
            if nogood is None:
                break
            if state.satisfied(key, nogood[key]):
                return nogood
            state.narrow(key, ~nogood[key], nogood)
            if tally.early or tally.late:
                return None
        choice = state.domain(key).bit_count() > 1
        if choice:
            state.level += 1
            del self.editions[state.level :]
            self.editions.append(self.agenda.edition)
            state.narrow(key, 1 << position, None)
        state.decided[key] = (state.level, choice)
        edges = self.problem.edges(key, position)
        self.problem.prefetch(edges)
        return self.hand_on(key, position, edges)

    def meet(self, edges: Sequence[Edge]) -> None:
        """Packages take their places in the order in which somebody first asks for them.

        Of a requirement with an extra that comes before its package.
        """
        known = self.agenda.places
        for at, edge in enumerate(edges, 1):
            if edge.key in known:
                if edge.said.pins:
                    self.agenda.meet(edge.key, pinned=True)
                continue
            following = edges[at] if at < len(edges) else edge
            if following.said is edge.said and "[" in following.key:
                self.meet_first(following)
            self.meet_first(edge)

    def meet_first(self, edge: Edge) -> None:
        bounds = self.problem.bounds(edge.key)
        pinned = edge.said.pins or any(bound.said.pins for bound in bounds)
        self.agenda.meet(edge.key, pinned=pinned)

    def goes_back(self, key: str, position: int) -> bool:
        """Whether a newer version that another Python is asked for sent the search back."""
        for python in self.refusals.above(key, position, self.asked):
            self.tally.refused(key, python)
            if self.tally.early or self.tally.late:
                self.change_places()
            level = self.state.first_level(key)
            if level < self.state.level and self.editions[level + 1] != self.agenda.edition:
                self.back_to(level)
                return True
        return False

    def asked(self, key: str) -> set[str]:
        """What facts and decided packages ask for of a package, as specifiers."""
        problem, state = self.problem, self.state
        edges = [*problem.roots]
        for parent in state.decided:
            edges += problem.known_edges(parent, state.domain(parent).bit_length() - 1)
        found = {edge.said.specifier for edge in edges if edge.key == key}
        return found | {edge.said.specifier for edge in problem.bounds(key)}

    def change_places(self) -> None:
        """Packages that lost five times go before those that they lost to."""
        tally, agenda = self.tally, self.agenda
        early, late = tally.early, tally.late
        if not early and not late:
            return
        tally.early, tally.late = [], []
        for key in early:
            agenda.put_early(key)
        for key in late:
            if agenda.put_late(key) and key in self.state.decided:
                level, choice = self.state.decided[key]
                self.state.back_to(level - choice)
        agenda.renew()

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
        """Why this option contradicts what is known, with those tried before that do so alike."""
        edges = self.problem.edges(key, position)
        is_new = (key, position) not in self.tried
        if is_new:
            self.tried.add((key, position))
            self.meet(edges)
        for edge in edges:
            if edge.key == key:
                if not edge.mask >> position & 1:
                    return {key: 1 << position}
            elif not self.state.domain(edge.key) & edge.mask:
                if is_new and not edge.key.startswith("<"):
                    self.tally.clash(key, (edge.key,), times=_OF_EXTRA if "[" in key else 1)
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
                self.tally.clash(key, nogood)
                return nogood, key, level
            self.used |= {*entry.reason, *self.behind.get(id(entry.reason), ())}
            nogood = self.resolve(nogood, entry.reason, key)
            self.tally.clash(key, nogood)

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
