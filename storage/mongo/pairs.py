"""What is between two people, and how each act of one of them changes it; pure.

Everything about a pair stands in one document, so that both sides change at once: what each sees of
the relation, a block, and an invitation that a refused request left behind. The changes are those
of `models.contacts.ContactStore`; its docstrings say why.
"""

from dataclasses import dataclass, replace

from bson import ObjectId

from models.contacts import Contact, State
from protocol.ids import UserId


def next_place() -> str:
    """Return what sorts after every earlier place, for what happened in the same millisecond."""
    return str(ObjectId())


@dataclass(frozen=True, slots=True)
class Asked:
    """An invitation to the other one's address; `place` orders those of one millisecond."""

    email: str
    created_ms: int
    place: str


@dataclass(frozen=True, slots=True)
class Relation:
    """What one side sees; `place` as in `Asked`, which it is taken from when that was fulfilled."""

    state: State
    created_ms: int
    place: str
    by_email: str | None = None


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two; `blocked_ms` is when this one blocked the other."""

    user_id: UserId
    relation: Relation | None = None
    asked: Asked | None = None
    blocked_ms: int | None = None

    @property
    def is_empty(self) -> bool:
        return self.relation is None and self.asked is None and self.blocked_ms is None

    @property
    def state(self) -> State | None:
        return self.relation.state if self.relation else None


@dataclass(frozen=True, slots=True)
class Pair:
    """Two people as one of them sees it."""

    mine: Side
    theirs: Side

    @property
    def is_empty(self) -> bool:
        return self.mine.is_empty and self.theirs.is_empty

    @property
    def is_blocked(self) -> bool:
        return self.mine.blocked_ms is not None or self.theirs.blocked_ms is not None


def contacts(pairs: list[Pair]) -> list[Contact]:
    """Return the relations among these pairs, oldest first."""
    related = [(p.mine.relation, p.theirs.user_id) for p in pairs if p.mine.relation]
    related.sort(key=lambda one: (one[0].created_ms, one[0].place))
    return [Contact(other, r.state, r.created_ms, r.by_email) for r, other in related]


def request(pair: Pair, asked: Relation, now_ms: int) -> tuple[Pair, State]:
    """Ask the other one; `asked` is the request as the asker is to see it from now on."""
    mine, theirs = pair.mine, pair.theirs
    if mine.state in ("outgoing", "accepted"):
        return _keep_apart(pair, asked), mine.state
    if theirs.state == "outgoing":
        # Also a request that was kept from me because I had blocked them: now both have asked.
        incoming = mine.relation or Relation("incoming", now_ms, asked.place)
        return accept(replace(pair, mine=replace(mine, relation=incoming))), "accepted"
    if mine.asked and mine.asked.email == asked.by_email:
        # An invitation that a refusal left behind goes on as this request, and keeps its date.
        asked = replace(asked, created_ms=mine.asked.created_ms)
        mine = replace(mine, asked=None)
    if theirs.blocked_ms is None:
        theirs = replace(theirs, relation=Relation("incoming", now_ms, asked.place))
    return Pair(replace(mine, relation=asked), theirs), "outgoing"


def request_once(pair: Pair, asked: Relation, now_ms: int) -> tuple[Pair, None]:
    """Ask as `request` does, unless this very request was made before."""
    made = pair.mine.relation
    if made is not None and made.place == asked.place:
        return pair, None
    return request(pair, asked, now_ms)[0], None


def _keep_apart(pair: Pair, asked: Relation) -> Pair:
    """Let an address and an account stand side by side for who has asked both."""
    mine, relation = pair.mine, pair.mine.relation
    if relation is None or (asked.by_email is None) == (relation.by_email is None):
        return pair
    by_address = asked if asked.by_email else relation
    if by_address is relation:
        relation = replace(relation, by_email=None, created_ms=asked.created_ms)
    invitation = mine.asked or _invitation(by_address)
    return replace(pair, mine=replace(mine, relation=relation, asked=invitation))


def _invitation(relation: Relation | None) -> Asked | None:
    if relation is None or relation.by_email is None:
        return None
    return Asked(relation.by_email, relation.created_ms, relation.place)


def accept(pair: Pair) -> Pair:
    """Make contacts of two people who both have a relation."""
    return Pair(_accepted(pair.mine), _accepted(pair.theirs))


def _accepted(side: Side) -> Side:
    if side.relation is None:
        return side
    return replace(side, relation=replace(side.relation, state="accepted", by_email=None))


def remove(pair: Pair) -> Pair:
    """End what is between the two; what the other one asked of an address stays asked."""
    theirs = pair.theirs
    left_behind = theirs.asked or _invitation(theirs.relation)
    return Pair(
        replace(pair.mine, relation=None), replace(theirs, relation=None, asked=left_behind)
    )


def block(pair: Pair, now_ms: int) -> Pair:
    """Block the other one and end what is between the two."""
    since_ms = now_ms if pair.mine.blocked_ms is None else pair.mine.blocked_ms
    return remove(replace(pair, mine=replace(pair.mine, blocked_ms=since_ms)))


def unblock(pair: Pair) -> Pair:
    """Lift the block of the other one, if there is any."""
    return replace(pair, mine=replace(pair.mine, blocked_ms=None))


def withdraw(pair: Pair, email: str) -> Pair:
    """Forget what was asked of an address, unless it was accepted."""
    relation, asked = pair.mine.relation, pair.mine.asked
    if relation and relation.by_email == email and relation.state == "outgoing":
        pair = remove(pair)
    if asked and asked.email == email:
        pair = replace(pair, mine=replace(pair.mine, asked=None))
    return pair
