"""What several processes say of their people adds up to one answer."""

from hypothesis import given
from hypothesis import strategies as st

from models.events import PeopleHere, ProcessId, Status
from protocol.ids import UserId
from services.elsewhere import Elsewhere, merged

USERS = [UserId(letter) for letter in "abcdefgh"]
PROCESSES = [ProcessId(letter) for letter in "PQR"]
STATUSES: list[Status] = ["online", "away", "offline"]
users, statuses = st.sampled_from(USERS), st.sampled_from(STATUSES)
said = st.builds(
    PeopleHere,
    process=st.sampled_from(PROCESSES),
    people=st.dictionaries(users, statuses),
    between=st.none() | st.tuples(users, users),
)


@given(st.lists(statuses))
def test_a_person_is_what_they_are_at_their_most_present(several: list[Status]) -> None:
    assert merged(several) == min(several, key=STATUSES.index, default="offline")


@given(st.lists(said | st.sampled_from(PROCESSES), max_size=30))
def test_the_tables_say_what_was_said_last(history: list[PeopleHere | ProcessId]) -> None:
    """Against one plain table of (process, user), and whoever changed is named."""
    elsewhere, plain = Elsewhere(), dict[tuple[ProcessId, UserId], Status]()
    for event in history:
        before = dict(plain)
        if isinstance(event, PeopleHere):
            changed = elsewhere.heard(event)
            process, (low, high) = event.process, event.between or ("~", "")
            plain |= {(process, user): "offline" for user in USERS if low < user <= high}
            plain |= {(process, user): status for user, status in event.people.items()}
        else:
            changed, process = elsewhere.gone(event), event
            plain |= {(process, user): "offline" for user in USERS}
        assert changed == {
            user
            for user in USERS
            if before.get((process, user), "offline") != plain.get((process, user), "offline")
        }
        for user in USERS:
            there = [plain.get((one, user), "offline") for one in PROCESSES]
            assert elsewhere.status_of(user) == merged(there)
