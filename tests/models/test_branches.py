"""The tree of a conversation: branches, versions, and what is left after a deletion."""

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime

from chat.models.tree import Row, Tree

DELETED = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Sketch:
    """A tree built from names: `add("a1", "q1")`."""

    rows: dict[str, Row] = field(default_factory=dict)

    def add(self, name: str, parent: str = "", *, continues: str = "", deleted: bool = False) -> None:
        role = "user" if name.startswith("q") else "assistant"
        above, before = (self.rows[one].pk if one else None for one in (parent, continues))
        number = len(self.rows) + 1
        self.rows[name] = Row(uuid.uuid4(), above, before, number, role, DELETED if deleted else None)

    def tree(self) -> Tree[Row]:
        return Tree(self.rows.values())

    def names(self, rows: list[Row]) -> list[str]:
        return [self.name(row.pk) for row in rows]

    def name(self, pk: uuid.UUID | None) -> str:
        return next((name for name, row in self.rows.items() if row.pk == pk), "")

    def path(self, leaf: str) -> list[str]:
        return self.names(self.tree().path_to(self.rows[leaf].pk))

    def tip(self, start: str) -> str:
        tip = self.tree().latest_below(self.rows[start].pk if start else None)
        return self.name(tip.pk) if tip else ""

    def versions(self, name: str) -> tuple[str, int, str, str] | None:
        found = self.tree().versions_of(self.rows[name])
        return (str(found.number), found.count, self.name(found.before), self.name(found.after)) if found else None


def talk(*pairs: tuple[str, str, str]) -> Sketch:
    """Build a tree from (question, the answer above it, its answer)."""
    sketch = Sketch()
    for question, above, answer in pairs:
        sketch.add(question, above)
        sketch.add(answer, question)
    return sketch


def test_a_branch_is_the_way_from_the_first_question_to_the_leaf() -> None:
    sketch = talk(("q1", "", "a1"), ("q2", "a1", "a2"), ("q2b", "a1", "a2b"))
    assert sketch.path("a2") == ["q1", "a1", "q2", "a2"]
    assert sketch.path("a2b") == ["q1", "a1", "q2b", "a2b"]


def test_nothing_has_no_branch() -> None:
    tree: Tree[Row] = Tree([])
    assert tree.path_to(None) == tree.path_to(uuid.uuid4()) == []
    assert tree.latest_below(None) is None
    assert tree.next_number == 1


def test_the_tip_is_the_newest_message_below() -> None:
    sketch = talk(("q1", "", "a1"), ("q2", "a1", "a2"), ("q2b", "a1", "a2b"), ("q3", "a2", "a3"))
    assert (sketch.tip("q2"), sketch.tip("q2b"), sketch.tip("a1"), sketch.tip("")) == ("a3", "a2b", "a3", "a3")


def test_versions_of_questions_and_answers_are_counted_in_the_order_of_their_making() -> None:
    sketch = talk(("q1", "", "a1"), ("q1b", "", "a1b"), ("q1c", "", "a1c"))
    sketch.add("a1d", "q1")
    assert sketch.versions("q1b") == ("2", 3, "q1", "q1c")
    assert sketch.versions("a1") == ("1", 2, "", "a1d")
    assert sketch.versions("a1b") is None


def test_a_continuation_takes_the_place_of_what_it_continues() -> None:
    sketch = talk(("q1", "", "a1"))
    sketch.add("a1+", "q1", continues="a1")
    sketch.add("a1++", "q1", continues="a1+")
    assert sketch.versions("a1++") is None
    assert sketch.names(sketch.tree().chain_of(sketch.rows["a1++"])) == ["a1", "a1+", "a1++"]
    assert sketch.name(sketch.tree().shown_as(sketch.rows["a1"]).pk) == "a1++"


def test_a_cut_answer_on_which_one_asked_on_stays_a_version() -> None:
    sketch = talk(("q1", "", "a1"), ("q2", "a1", "a2"))
    sketch.add("a1+", "q1", continues="a1")
    assert sketch.versions("a1") == ("1", 2, "", "a1+")
    assert sketch.path("a2") == ["q1", "a1", "q2", "a2"]


def test_two_continuations_are_two_versions() -> None:
    sketch = talk(("q1", "", "a1"))
    sketch.add("a1+", "q1", continues="a1")
    sketch.add("a1*", "q1", continues="a1")
    assert sketch.versions("a1*") == ("2", 2, "a1+", "")


def deleted_in_the_middle() -> Sketch:
    sketch = talk(("q1", "", "a1"))
    sketch.add("q2", "a1", deleted=True)
    sketch.add("a2", "q2", deleted=True)
    sketch.add("q3", "a2")
    sketch.add("a3", "q3")
    return sketch


def test_what_was_deleted_is_stepped_over() -> None:
    sketch = deleted_in_the_middle()
    assert sketch.path("a3") == ["q1", "a1", "q3", "a3"]
    assert sketch.tree().next_number == 7


def test_what_came_after_a_deleted_one_is_beside_its_other_versions() -> None:
    sketch = deleted_in_the_middle()
    sketch.add("q2b", "a1")
    sketch.add("a2b", "q2b")
    assert sketch.versions("q3") == ("1", 2, "", "q2b")
    assert sketch.versions("q2b") == ("2", 2, "q3", "")


def test_the_tip_of_a_deleted_one_is_beside_or_above_it() -> None:
    sketch = talk(("q1", "", "a1"), ("q2", "a1", "a2"))
    sketch.add("q2b", "a1", deleted=True)
    sketch.add("a2b", "q2b", deleted=True)
    assert sketch.tip("a2b") == "a2"


def test_where_all_is_deleted_there_is_no_tip() -> None:
    sketch = Sketch()
    sketch.add("q1", deleted=True)
    sketch.add("a1", "q1", deleted=True)
    assert sketch.tip("a1") == sketch.tip("") == ""
    assert sketch.path("a1") == []


def test_a_very_long_conversation_with_everything_deleted_is_no_problem() -> None:
    sketch = Sketch()
    sketch.add("q0")
    for number in range(1, 3000):
        sketch.add(f"{'qa'[number % 2]}{number}", f"{'aq'[number % 2]}{number - 1}", deleted=True)
    assert sketch.tip("a2999") == "q0"
    assert sketch.versions("q0") is None
