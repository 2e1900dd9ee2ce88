"""From a context to an answer: cells are tried in order until one is good enough.

A cell whose CUDA tag is not the release's on the default index is first asked with the default
index's pages: where even those cannot be satisfied, the torch index need not be asked. Where they
can and the torch index is out of reach, the cell is unknown.
"""

from __future__ import annotations

from functools import cached_property

from torchsolve.errors import UnknownError
from torchsolve.model.evidence import Evidence, Strength
from torchsolve.model.outcome import Matrix, Resolution
from torchsolve.model.plan import CellOutcome, CellStatus, Conflict, Plan, PlanVerdict
from torchsolve.model.target import CellId, Target
from torchsolve.model.values import replace
from torchsolve.solve import enough
from torchsolve.solve.ask import ask, asked_torch, kept_facts, make_rules, project_facts
from torchsolve.solve.cells import Cell, catalogue, locked_first, torch_cells, without_torch
from torchsolve.solve.check import broken_edges
from torchsolve.solve.claims import by_trial, needs_toolkit
from torchsolve.solve.context import Context
from torchsolve.solve.engine import Answer, GaveUp, Solved
from torchsolve.solve.guards import (
    RuledOut,
    guard_base,
    guard_driver,
    guard_gpus,
    guard_ptx,
    guard_python,
    guard_wheels,
)
from torchsolve.solve.leaves import Leaves
from torchsolve.solve.packages import Library
from torchsolve.solve.plans import make_plan
from torchsolve.solve.problem import Problem
from torchsolve.solve.question import Fact, Question
from torchsolve.solve.refuted import Refuted
from torchsolve.solve.shared import choices, questions
from torchsolve.solve.told import built_elsewhere, chosen_because, kept_pins, requirements_on_pins

MOST_SOLVED = 8
# Cells whose torch index is out of reach cost a solve each and decide nothing.
MOST_UNDECIDED = 64


class Search:
    """One run over cells. Answers are kept, so that cells that differ in nothing cost nothing."""

    def __init__(self, context: Context, refuted: Refuted | None = None) -> None:
        self._context = context
        settings, tables = context.settings, context.tables
        self._facts = project_facts(context.projects, context.comfyui, settings)
        if context.inventory is not None:
            self._facts += kept_facts(context.inventory, tables.torch.family)
        rules = make_rules(
            context.projects, settings, tables, context.cutoff, context.inventory, self._facts
        )
        preferred, floors = context.preferences.versions, context.floors
        self._rules = replace(rules, preferred=preferred, floors=floors)
        self._answers: dict[tuple[Question, str | None], tuple[Problem, Answer]] = {}
        self._libraries: dict[tuple[Target, str | None], Library] = {}
        self._picked: dict[CellId, tuple[Problem, dict[str, int]]] = {}
        self.refuted = refuted or Refuted()
        self._leaves = None if rules.wheels or floors else Leaves(self._answer)
        self._known: list[tuple[frozenset[Fact], Conflict]] = []
        self._asked = asked_torch(self._facts, self._rules)
        self._fits: dict[str, bool] = {}
        releases = tables.torch.releases
        self._pythons = tuple(
            sorted({p for r in releases[:8] for b in r.builds for p in b.pythons}, reverse=True)
        )

    # -- runs ----------------------------------------------------------------------------------

    def resolve(self) -> Resolution:
        """The first cell that is good enough, or why there is none."""
        tried, untried = self._try()
        return self._done(tried, untried) if tried else self._void()

    def plan(self) -> Plan | None:
        """The plan of ``resolve``, without reasons and witnesses."""
        outcome = enough.best(self._try()[0])
        return outcome.plan if outcome is not None else None

    def _try(self) -> tuple[list[CellOutcome], int]:
        """Cells up to the first that is good enough, and how many are left."""
        cells = self._cells
        self._context.expect(len(cells))
        solved = undecided = 0
        tried: list[CellOutcome] = []
        for number, cell in enumerate(cells):
            outcome = self.try_cell(cell)
            tried.append(outcome)
            solved += outcome.status is CellStatus.SOLVED or enough.has_own_holes(outcome)
            undecided += outcome.status is CellStatus.UNKNOWN
            plenty = solved == MOST_SOLVED or undecided == MOST_UNDECIDED
            if enough.is_good(outcome) or plenty or enough.no_better_elsewhere(outcome):
                return tried, len(cells) - number - 1
        return tried, 0

    def matrix(self) -> Matrix:
        """Every cell, each with its reason."""
        cells = self._cells
        self._context.expect(len(cells))
        found = (self.try_cell(cell, explained=True) for cell in cells)
        outcomes = tuple(enough.in_doubt(outcome, self._context.projects) for outcome in found)
        return Matrix(self._context.projects, outcomes, self._context.indexes)

    def explained(self, cell: CellId) -> Conflict | None:
        """Why a cell has no plan; None where it may have one."""
        found = next((one for one in self._cells if one.id == cell), None)
        return self.try_cell(found, explained=True).conflict if found is not None else None

    def _done(self, tried: list[CellOutcome], untried: int) -> Resolution:
        outcome = enough.in_doubt(
            enough.best(tried) or self._nearest(tried), self._context.projects
        )
        return self._resolution(outcome.status, outcome, tried, untried)

    def _resolution(
        self, status: CellStatus, outcome: CellOutcome, tried: list[CellOutcome], untried: int
    ) -> Resolution:
        conflict = outcome.conflict
        if status is CellStatus.INFEASIBLE and conflict is None:
            cell = next(c for c in self._cells if c.id == outcome.cell)
            conflict = self.try_cell(cell, explained=True).conflict
        picked = self._picked.get(outcome.cell) if outcome.plan is not None else None
        return Resolution(
            status,
            self._context.projects,
            outcome.plan,
            conflict,
            tuple(tried),
            untried,
            outcome.because if status is CellStatus.UNKNOWN else (),
            chosen_because(outcome, self._context.settings, self._context.tables),
            requirements_on_pins(*picked) if picked is not None else (),
            self._witness(*picked) if picked is not None else "",
            self._context.indexes,
            kept_pins(self._context.preferences, outcome.plan),
        )

    def _witness(self, problem: Problem, picks: dict[str, int]) -> str:
        if not self._context.witnessed:
            return ""
        from torchsolve.solve.witness import witness

        return witness(problem, picks)

    def _void(self) -> Resolution:
        context = self._context
        from torchsolve.solve.void import explain_void

        conflict = explain_void(context.tables, context.settings, context.cutoff)
        return Resolution(CellStatus.INFEASIBLE, context.projects, None, conflict, ())

    def _nearest(self, tried: list[CellOutcome]) -> CellOutcome:
        """The cell to explain: with the torch that was asked for, and one that failed in the solve:
        that says more than labels that ruled it out."""
        asked = [
            fact.requirement.specifier
            for fact in self._facts
            if fact.requirement is not None and fact.requirement.name == "torch"
        ]

        def distance(outcome: CellOutcome) -> tuple[int, bool]:
            torch = outcome.cell.torch
            misses = sum(torch is None or torch not in specifier for specifier in asked)
            return (misses, outcome.conflict is not None)

        return min(tried, key=distance)

    # -- cells ---------------------------------------------------------------------------------

    @cached_property
    def _cells(self) -> tuple[Cell, ...]:
        context = self._context
        if context.inventory is not None:
            from torchsolve.solve.layered import base_cell

            return (base_cell(context.inventory, context.tables),)
        plain = () if self._asks_for_torch() else self._plain()
        if plain:
            return plain
        devel = needs_toolkit(context.projects)
        cells = torch_cells(context.tables, context.settings, context.cutoff, devel=devel)
        if context.settings.policy == "tested":
            cells = by_trial(cells, context.projects)
        cells = locked_first(cells, context.preferences)
        return tuple(sorted(cells, key=self._by_ptx)) if context.gpus else cells

    def _by_ptx(self, cell: Cell) -> bool:
        """Machine code for the GPUs that were asked for before PTX."""
        build = cell.build
        return build is not None and any(
            gpu.capability not in build.sms for gpu in self._context.gpus
        )

    def _asks_for_torch(self) -> bool:
        settings = self._context.settings
        family = self._context.tables.torch.family
        named = {fact.requirement.name for fact in self._facts if fact.requirement is not None}
        if settings.cell is not None:
            return settings.cell.torch is not None
        return bool(settings.torch or named & family)

    def _plain(self) -> tuple[Cell, ...]:
        """Cells without torch; none where the first that is solved turns out to need it."""
        context = self._context
        cells, probes = without_torch(context.tables, context.settings, context.preferences)
        for cell in probes:
            outcome = self.try_cell(cell)
            if outcome.plan is not None:
                return () if outcome.plan.pin("torch") else (*self._with_cuda(outcome.plan), *cells)
        return () if self._speaks_of_cuda() else cells

    def _with_cuda(self, plan: Plan) -> tuple[Cell, ...]:
        context = self._context
        from torchsolve.solve.toolkit import toolkit_cells

        return toolkit_cells(plan, self._rules.companions, context.tables, context.settings)

    def _speaks_of_cuda(self) -> bool:
        context = self._context
        labels = any(wheel.torch for project in context.projects for wheel in project.wheels)
        return labels or bool(context.gpus or context.settings.cuda) or self._names_cuda_image()

    def _names_cuda_image(self) -> bool:
        settings = self._context.settings
        images = catalogue(self._context.tables, settings)
        return any(image.cuda and {image.ref, image.os} & set(settings.image) for image in images)

    # -- one cell ------------------------------------------------------------------------------

    def try_cell(self, cell: Cell, *, explained: bool = False) -> CellOutcome:
        """Solve one cell. ``explained``: an infeasible one says why."""
        self._context.tick(cell.id)
        ruled_out = self._guards(cell)
        if ruled_out is not None:
            conflict = Conflict(str(cell.id), ruled_out.facts, ruled_out.reference)
            return self._infeasible(cell, conflict)
        if not explained and not self._admitted(cell):
            return CellOutcome(cell.id, cell.image, CellStatus.INFEASIBLE)
        context = self._context
        question = ask(cell, self._facts, context.settings, self._pythons, context.projects)
        if context.floors:
            question = replace(question, libstdcxx=cell.image.libstdcxx)
        try:
            return self._solve_cell(cell, question, explained=explained)
        except UnknownError as error:
            return _unknown(cell, error)

    def _admitted(self, cell: Cell) -> bool:
        """Whether the projects' own requirements on torch leave the cell's: seen without a solve.

        A specifier that names a build (``==2.7.0+cu126``) is left to the engine.
        """
        if cell.id.torch is None:
            return True
        version = cell.id.torch.public
        if version not in self._fits:
            self._fits[version] = all(s.contains(version, prereleases=True) for s in self._asked)
        return self._fits[version]

    def _guards(self, cell: Cell) -> RuledOut | None:
        context = self._context
        return (
            guard_base(cell, context.settings, context.inventory, context.tables)
            or guard_gpus(cell, context.gpus)
            or guard_driver(cell, context.tables, context.gpus, context.settings.driver)
            or guard_ptx(cell, context.tables, context.gpus, context.settings.driver)
            or guard_python(cell, context.projects)
            or guard_wheels(cell, self._rules.wheels)
        )

    def _solve_cell(self, cell: Cell, question: Question, *, explained: bool) -> CellOutcome:
        known = self.refuted.refuting(question, lambda asked: self._answer(asked)[1], self._leaves)
        if known is not None:
            return self._refused(cell, question, known, explained=explained)
        problem, answer = self._answer(question, None)
        url = self._torch_url(cell)
        standing_in: UnknownError | None = None
        if isinstance(answer, Solved) and url is not None and "torch" in answer.picks:
            try:
                problem, answer = self._answer(question, url)
            except UnknownError as error:
                standing_in = error
        if isinstance(answer, Solved):
            where = None if standing_in is not None else url
            problem, answer = self._without_twins(problem, answer, where)
            return self._solved(cell, problem, answer, standing_in)
        if isinstance(answer, GaveUp):
            text = f"was not decided within {answer.rounds} rounds"
            reason = Evidence(str(cell.id), text, Strength.OBSERVED, self._context.engine.name)
            return CellOutcome(cell.id, cell.image, CellStatus.UNKNOWN, because=(reason,))
        self.refuted.learn(question, answer)
        return self._refused(cell, question, None, explained=explained)

    def _without_twins(
        self, problem: Problem, answer: Solved, url: str | None
    ) -> tuple[Problem, Solved]:
        """The answer where one distribution writes each import name, if there is one."""
        rows, prefer = self._context.tables.import_names, self._context.settings.prefer
        chosen = choices(rows, problem, answer.picks, prefer)
        if not chosen:
            return problem, answer
        for question in questions(problem.question, problem, answer.picks, chosen):
            other, found = self._answer(question, url if "torch" in answer.picks else None)
            if isinstance(found, Solved) and all(c.stays in found.picks for c in chosen):
                return other, found
        return problem, answer

    def _solved(
        self, cell: Cell, problem: Problem, answer: Solved, standing_in: UnknownError | None
    ) -> CellOutcome:
        broken = broken_edges(problem, answer.picks)
        if broken:
            raise AssertionError(f"{self._context.engine.name} broke {broken[0].evidence}")
        plan = make_plan(cell, problem, answer.picks, self._context)
        self._picked[cell.id] = (problem, answer.picks)
        if standing_in is not None:
            from torchsolve.solve.standin import by_table

            plan = by_table(plan, self._context.tables.torch.family)
            text = f"were not read: {standing_in.message}"
            label = f"the files of torch {cell.id.torch}+{cell.id.cuda}"
            reason = Evidence(label, text, Strength.OBSERVED, standing_in.origin)
            because = (reason, *enough.holes(plan))
            return CellOutcome(cell.id, cell.image, CellStatus.UNKNOWN, plan, because=because)
        if plan.verdict is PlanVerdict.UNKNOWN:
            return CellOutcome(
                cell.id, cell.image, CellStatus.UNKNOWN, plan, None, enough.holes(plan)
            )
        built = built_elsewhere(problem, answer.picks)
        return CellOutcome(cell.id, cell.image, CellStatus.SOLVED, plan, built=built)

    def _torch_url(self, cell: Cell) -> str | None:
        """The torch index that a cell needs; None where the default index's build is its tag."""
        setting = self._context.settings.torch_index
        if cell.build is None or (cell.build.default and setting in ("auto", "default")):
            return None
        if setting in ("auto", "default"):
            return self._context.tables.torch.index_url(cell.id.cuda)
        return setting

    def _answer(self, question: Question, url: str | None = None) -> tuple[Problem, Answer]:
        key = (question, url)
        found = self._answers.get(key)
        if found is None:
            library = self._library(question.target, url)
            problem = Problem(question, library, self._context.direct, self._context.prover)
            found = self._answers[key] = (problem, self._context.engine.solve(problem))
        return found

    def _library(self, target: Target, url: str | None) -> Library:
        library = self._libraries.get((target, url))
        if library is None:
            index = self._context.index_for(url)
            choosing = (target, url, self._rules.choosing)
            pool = self._context.pools.setdefault(choosing, {})
            library = self._libraries[target, url] = Library(target, self._rules, index, pool)
        return library

    # -- reasons -------------------------------------------------------------------------------

    def _refused(
        self,
        cell: Cell,
        question: Question,
        suspects: tuple[Fact, ...] | None,
        *,
        explained: bool,
    ) -> CellOutcome:
        if not explained:
            return CellOutcome(cell.id, cell.image, CellStatus.INFEASIBLE)
        return self._infeasible(cell, self._explain(question, str(cell.id), suspects))

    def _infeasible(self, cell: Cell, conflict: Conflict) -> CellOutcome:
        status = CellStatus.INFEASIBLE
        return CellOutcome(cell.id, cell.image, status, None, conflict, conflict.facts)

    def _explain(
        self, question: Question, cell: str, suspects: tuple[Fact, ...] | None
    ) -> Conflict:
        for known, conflict in self._known:
            if known <= set(question.facts):
                return replace(conflict, cell=cell)
        from torchsolve.solve.conflict import explain

        conflict, facts = explain(question, self._answer, cell, suspects)
        self._known.append((frozenset(facts), conflict))
        return conflict


def _unknown(cell: Cell, error: UnknownError) -> CellOutcome:
    reason = Evidence(error.reference, error.message, Strength.OBSERVED, error.origin)
    return CellOutcome(cell.id, cell.image, CellStatus.UNKNOWN, because=(reason,))
