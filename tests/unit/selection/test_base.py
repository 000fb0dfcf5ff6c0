from waypost.decision.engine import Route
from waypost.selection.base import static
from waypost.testing.policies import endpoints

KNOWN = endpoints({"gpt": "external", "onprem": "internal", "spare": "internal"})


def test_the_chain_follows_the_order_of_the_rule() -> None:
    selection = static(Route(("spare", "gpt", "onprem")), KNOWN)
    assert [e.name for e in selection.chain] == ["spare", "gpt", "onprem"]
    assert selection.boundary is None


def test_the_chain_leaves_out_what_lies_outside_the_boundary_and_says_which_boundary() -> None:
    inside = frozenset({"internal"})
    selection = static(Route(("spare", "gpt", "onprem"), inside), KNOWN)
    assert [e.name for e in selection.chain] == ["spare", "onprem"]
    assert selection.boundary == inside
